"""What every personality has that speaks SIP itself."""

KEYS = {
    "sip_port": (5060, (1, 65535)),
    "rtp_port": (4000, (1, 65535)),
}
