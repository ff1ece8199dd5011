"""What the hot path makes of damaged messages, as one digest: micropython twins.py COUNT [plain]

Machine code and bytecode must print the same: same packets, same counters, same method,
status and class of each, whatever comes.
"""

import hashlib
import sys

sys.path.insert(0, __file__.rpartition("/")[0])
if "plain" in sys.argv[2:]:
    sys.modules["uhep._native"] = object()  # has no names: its import fails

from binascii import hexlify

from capture_doubles import Ticks, agent
from uhep import IN, LOG, OUT
from uhep.flow import STRICT

SEED_MESSAGES = (
    b"INVITE sip:b@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\n"
    b"To: <sip:b@192.0.2.20>\r\nCall-ID: 38482762@192.0.2.10\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n",
    b"SIP/2.0 200 OK\ni : compact@x\nContent-Length: 0\n\n",
    b"BYE sip:b SIP/2.0\r\nContact: x\r\nCALL-ID:\r\n  folded\r\nCall-Info: y\r\n\r\n",
    b"SIP/2.0 183 Progress\r\nCSeq\t:\r\n 0007\r\n\tINVITE\r\nCall-ID: later@x\r\n\r\n",
    b"SIP/3.0  4861 Busy\r\ncseq:1 CANCEL\r\nCSeq: 2 PUBLISH\r\n\r\ni: body\r\n",
    b"SUBSCRIBE sip:b SIP/2.0\nCSeq: 1 ACK\ni: s\n\n",
    b"odd* sip:b SIP/2.0\r\nCall-ID: o\r\n\r\n",
    b"odd* sip:b a Sip/2.0\r\nCall-ID: p\r\n\r\n",
    b"siP/2.0 404 Not Found\r\nCSeq: 1 INVITE\r\nCall-ID: q\r\n\r\n",
)
ODD = b"\r\n\t :iIcCaLl-dsSeEqQ0139 /PpBYE\0\x0f\x1f\x7f\x80\xff"
SCANNED = (25, 26, 27, 28)  # method, status, class, length of the correlation id


class Random:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self.now = seed

    def __call__(self, limit):
        self.now = (self.now * 16807) % 2147483647
        return (self.now >> 5) % limit


def damaged(draw):
    message = bytearray(SEED_MESSAGES[draw(len(SEED_MESSAGES))])
    for _ in range(draw(6)):
        at = draw(len(message))
        what = draw(4)
        if what == 0:
            message[at] = draw(256)
        elif what == 1:
            message[at] = ODD[draw(len(ODD))]
        elif what == 2:
            message = message[:at] + message[at + draw(9) :]
        else:
            message = message[:at] + bytes([ODD[draw(len(ODD))]]) + message[at:]
        if not message:
            message = bytearray(b"x")
    return message


def main(count):
    draw = Random(20260101)
    a = agent(ticks=Ticks(0x3FFFF000), queue_bytes=2048, max_packet=600)
    flows = (
        a.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060)),
        a.flow(("2001:db8::1", 5060), ("2001:db8::2", 5060)),
        a.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), kind=LOG),
        a.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), mode=STRICT),
    )
    digest = hashlib.sha256()
    for _ in range(count):
        message = damaged(draw)
        n = len(message) + 3 - draw(12)
        cid = (None, None, None, b"given", b"nul\0", b"")[draw(6)]
        a.ticks.pass_us(draw(3) * draw(2000000))
        taken = a.capture(flows[draw(4)], (IN, OUT)[draw(2)], message, n, cid)
        digest.update(repr(taken).encode())
        if taken is not None:
            digest.update(repr([a.ring.st[i] for i in SCANNED]).encode())
        if draw(3) == 0:
            a.poll()
        for packet in a.link.packets:
            digest.update(packet)
        a.link.packets = []
    stats = a.stats()
    print(hexlify(digest.digest()).decode())
    print(sorted([(k, stats[k]) for k in stats]))


main(int(sys.argv[1]))
