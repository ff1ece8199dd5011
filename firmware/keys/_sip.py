"""What every personality has that speaks SIP itself."""

from keys import _board

_DAY_MS = 86400000


def _dns(value):
    host, _, number = value.partition(":") if isinstance(value, str) else ("", "", "")
    parts = host.split(".")
    if len(parts) == 4 and all([part.isdigit() and int(part) < 256 for part in parts]):
        if number.isdigit() and 0 < int(number) < 65536 or value == host:
            return None
    return None if value == "" else "empty, an IPv4 address, or one with :port"


def host_port(value):
    if not isinstance(value, str):
        return "a string"
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        host, port = value, "5060"
    more = b".-_"
    if host.startswith("[") and host.endswith("]"):
        host, more = host[1:-1], b":."
    if port.isdigit() and 0 < int(port) < 65536 and _board.text(host, more):
        return None
    return "empty or a domain, as example.org or 192.0.2.9:5060"


KEYS = {
    "sip_port": (5060, (1, 65535)),
    "rtp_port": (4000, (1, 65534)),
    "sip_server": ("", host_port),
    "sip_password": ("", None),
    "sip_auth_user": ("", None),
    "sip_proxy": ("", None),
    "sip_transport": ("udp", ("udp", "tcp")),
    "sip_dns": ("", _dns),
    "sip_expires_s": (3600, (5, 86400)),
    "sip_keep_alive_s": (0, (0, 3600)),
    "audio": ("", ("", "tone", "echo", "silence", "wav", "i2s")),
    "tone_hz": (400, (50, 3400)),
    "wav_in": ("", None),
    "wav_out": ("", None),
    "jitter_least": (2, (1, 15)),
    "jitter_most": (6, (1, 15)),
    "dtmf": ("auto", ("auto", "rtp", "info")),
    "rtcp": (True, None),
    "hep_log": (False, None),
    "hep_rtcp": (False, None),
    "hep_quality": (False, None),
    "quality_collector": ("", None),
    "quality_interval_s": (0, (0, 3600)),
    "quality_alert_mos": (0, (0, 450)),
}

# A plan that a device follows by itself, for demonstrations and tests.
PLAN = {
    "call": ("", None),
    "call_after_ms": (1000, (0, _DAY_MS)),
    "answer_after_ms": (1000, (0, _DAY_MS)),
    "talk_ms": (0, (0, _DAY_MS)),
    "quit_after_calls": (0, (0, 1000000)),
}
