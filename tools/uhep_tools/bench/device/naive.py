"""What one would write first: every chunk packed for itself, all of them joined."""

import time
from struct import pack

from message import CALL_ID, HERE, KEY, NAME, NODE, THERE

_HERE = bytes([int(n) for n in HERE[0].split(".")])
_THERE = bytes([int(n) for n in THERE[0].split(".")])
_KEY = KEY.encode()
_NAME = NAME.encode()


def encode(sip):
    """The HEP packet of a SIP message that goes out. Knows its Call-ID, which the agent seeks."""
    now = time.time_ns()
    chunks = b"".join(
        (
            pack(">HHHB", 0, 1, 7, 2),
            pack(">HHHB", 0, 2, 7, 17),
            pack(">HHHH", 0, 7, 8, HERE[1]),
            pack(">HHHH", 0, 8, 8, THERE[1]),
            pack(">HHHI", 0, 9, 10, now // 1000000000),
            pack(">HHHI", 0, 10, 10, now // 1000 % 1000000),
            pack(">HHHB", 0, 11, 7, 1),
            pack(">HHHI", 0, 12, 10, NODE),
            pack(">HHH", 0, 3, 10) + _HERE,
            pack(">HHH", 0, 4, 10) + _THERE,
            pack(">HHH", 0, 14, 6 + len(_KEY)) + _KEY,
            pack(">HHH", 0, 19, 6 + len(_NAME)) + _NAME,
            pack(">HHH", 0, 17, 6 + len(CALL_ID)) + CALL_ID,
            pack(">HHH", 0, 15, 6 + len(sip)) + sip,
        )
    )
    return b"HEP3" + pack(">H", 6 + len(chunks)) + chunks
