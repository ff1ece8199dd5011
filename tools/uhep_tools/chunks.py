"""The numbers of HEP v3: chunk types, payload types, IP protocols (specification rev 37)."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A generic chunk. width: octets of a numeric body, None for text or payload."""

    name: str
    width: int | None = None
    text: bool = False


FAMILY, PROTO, SRC4, DST4, SRC6, DST6, SPORT, DPORT = range(1, 9)
SEC, USEC, TYPE, NODE_ID = 0x09, 0x0A, 0x0B, 0x0C
KEY, PAYLOAD, COMPRESSED, CID, VLAN, NODE_NAME = 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13
MOS, R_FACTOR, JITTER, GROUP = 0x20, 0x21, 0x23, 0x29

# Type id of vendor 0 -> kind. Every one of these may be there once, see REPEATABLE.
GENERIC = {
    FAMILY: Kind("address family", 1),
    PROTO: Kind("IP protocol", 1),
    SRC4: Kind("IPv4 source", 4),
    DST4: Kind("IPv4 destination", 4),
    SRC6: Kind("IPv6 source", 16),
    DST6: Kind("IPv6 destination", 16),
    SPORT: Kind("source port", 2),
    DPORT: Kind("destination port", 2),
    SEC: Kind("seconds", 4),
    USEC: Kind("microseconds", 4),
    TYPE: Kind("payload type", 1),
    NODE_ID: Kind("capture id", 4),
    0x0D: Kind("keep-alive", 2),
    KEY: Kind("authentication key", text=True),
    PAYLOAD: Kind("payload"),
    COMPRESSED: Kind("compressed payload"),
    CID: Kind("correlation id", text=True),
    VLAN: Kind("VLAN", 2),
    NODE_NAME: Kind("node name", text=True),
    0x14: Kind("source MAC", 8),
    0x15: Kind("destination MAC", 8),
    0x16: Kind("Ethernet type", 2),
    0x17: Kind("TCP flags", 1),
    0x18: Kind("IP TOS", 1),
    MOS: Kind("MOS", 2),
    R_FACTOR: Kind("R-factor", 2),
    0x22: Kind("geo location", text=True),
    JITTER: Kind("jitter", 4),
    0x24: Kind("transaction type", text=True),
    0x25: Kind("payload JSON keys", text=True),
    0x26: Kind("tag values", text=True),
    0x27: Kind("tag type", 2),
    0x28: Kind("event type", 2),
    GROUP: Kind("group id", text=True),
}
REPEATABLE = frozenset({0x25, 0x26, 0x27})

# Asked of every packet; the two address chunks, 3 4 or 5 6, and the payload come on top.
MANDATORY = (FAMILY, PROTO, SPORT, DPORT, SEC, USEC, TYPE, NODE_ID)

# Address families: Linux numbers are the right ones; these are other systems' AF_INET6.
INET, INET6 = 2, 10
FOREIGN_INET6 = {23: "Windows", 28: "FreeBSD", 30: "macOS"}

IP_PROTOCOLS = {6: "TCP", 17: "UDP", 22: "TLS", 132: "SCTP"}

SIP = 1
PAYLOAD_TYPES = {
    1: "SIP",
    2: "XMPP",
    3: "SDP",
    4: "RTP",
    5: "RTCP JSON",
    6: "MGCP",
    7: "MEGACO",
    8: "M2UA",
    9: "M3UA",
    10: "IAX",
    11: "H.323",
    12: "H.321",
    13: "M2PA",
    32: "QoS JSON",
    34: "MOS full report",
    35: "MOS short report",
    38: "QoS JSON (horaclifix)",
    50: "SIP JSON",
    53: "DNS JSON",
    54: "ISUP JSON",
    55: "RTSP JSON",
    56: "Diameter JSON",
    57: "GSM MAP JSON",
    58: "RTCP PION",
    60: "CDR",
    61: "Verto JSON",
    99: "VQ report",
    100: "log",
}

VENDORS = {
    0: "generic",
    1: "FreeSWITCH",
    2: "Kamailio",
    3: "OpenSIPS",
    4: "Asterisk",
    5: "Homer",
    6: "SipXecs",
    7: "Yeti Switch",
    8: "Genesys",
}
