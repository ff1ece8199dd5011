"""The messages of RFC 4475 in a stream, cut at every octet, and what is captured of them."""

from capture_doubles import agent, drain, field
from rfc4475 import call_id, messages
from uhep import IN, TCP
from uhep.framer import Framer

NEXT = b"OPTIONS sip:n SIP/2.0\r\nCall-ID: next\r\nContent-Length: 0\r\n\r\n"
# Those whose lengths do not say where they end, and two in one.
UNUSABLE = ("dblreq", "clerr", "ncl", "mcl01", "inv2543")


class Capture:
    """A framer in front of an agent."""

    def __init__(self):
        self.agent = agent()
        self._flow = self.agent.flow(("192.0.2.1", 5060), ("192.0.2.2", 5060), TCP)
        self.now = 0
        self.framer = Framer(self.take, ticks=lambda: self.now)

    def take(self, buf, n):
        self.agent.capture(self._flow, IN, buf, n)

    def feed(self, *pieces):
        for piece in pieces:
            self.framer.feed(piece, len(piece))
        return [(field(p, 15), field(p, 17)) for p in drain(self.agent)]


def test_cut_at_every_octet():
    c = Capture()
    usable = [(row, m) for row, m in messages() if row["name"] not in UNUSABLE]
    assert len(usable) == 44
    for row, message in usable:
        expected = [(message, call_id(row)), (NEXT, b"next")]
        for cut in range(len(message) + 1):
            assert c.feed(message[:cut], message[cut:] + NEXT) == expected, (row["name"], cut)
    assert not c.framer.skipped


def test_octet_by_octet():
    c = Capture()
    for row, message in messages():
        if row["name"] not in UNUSABLE:
            assert c.feed(*[bytes((o,)) for o in message]) == [(message, call_id(row))]


def test_all_in_one_stream():
    usable = [(row, m) for row, m in messages() if row["name"] not in UNUSABLE]
    c = Capture()
    found = []
    stream = b"\r\n\r\n".join([m for _, m in usable])
    for at in range(0, len(stream), 1460):
        found += c.feed(stream[at : at + 1460])
    assert found == [(m, call_id(row)) for row, m in usable]


def test_unusable_lengths():
    found = {row["name"]: (m, call_id(row)) for row, m in messages()}
    c = Capture()

    m, cid = found["dblreq"]  # two, and 5 octets that belong to none
    second = m.index(b"INVITE")
    assert c.feed(m + NEXT) == [
        (m[: second - 2], cid),
        (m[second:-5], b"dblreq.0ha0isnda977644900765@192.0.2.15"),
        (NEXT, b"next"),
    ]
    for name in ("ncl",):
        m, cid = found[name]
        assert c.feed(m + NEXT) == [(m, cid), (NEXT, b"next")]
        assert c.feed(m, NEXT) == [(m, cid), (NEXT, b"next")]

    m, cid = found["clerr"]  # 9999: waits
    assert c.feed(m) == []
    c.now = 2000
    assert c.feed(NEXT) == [(m, cid), (NEXT, b"next")]

    m, cid = found["mcl01"]  # 13 counts, not 5
    body = m.index(b"\r\n\r\n") + 4
    for cut in range(len(m) + 1):
        assert c.feed(m[:cut], m[cut:] + NEXT) == [(m[: body + 13], cid), (NEXT, b"next")], cut

    m, cid = found["inv2543"]  # no length, no body
    body = m.index(b"\r\n\r\n") + 4
    for cut in range(len(m) + 1):
        assert c.feed(m[:cut], m[cut:] + NEXT) == [(m[:body], cid), (NEXT, b"next")], cut
