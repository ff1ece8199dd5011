"""A flood in an outage, over TCP, with and without a spool: calls go last, all is counted."""

import errno

from flash_doubles import Flash, Milliseconds
from network_doubles import FLOW, Network, Sock, agent, frames
from uhep import LOG, OUT, RTCP

RESET = OSError(errno.ECONNRESET)
GONE = OSError(-2)  # the collector is not to be reached
LOSSES = ("dropped_oldest", "dropped_newest", "too_big", "spool_lost")
STARTS = (b"OPTIONS sip:x", b"", b"", b"INVITE sip:x", b"BYE sip:x", b"CANCEL sip:x", b"ACK sip:x")
ANSWERS = (b"486 Busy Here", b"INVITE"), (b"200 OK", b"BYE"), (b"200 OK", b"CANCEL")


class Storm:
    """An agent with a connection, and what it has captured: the class of each serial number."""

    def __init__(self, ms, first, **more):
        self.ms = ms
        self.net = Network(first)
        config = {"transport": "tcp", "queue_bytes": 4096, "spool_per_s": 1000}
        config.update(more)
        self.a = agent(**config)
        sip = self.a.flow(*FLOW)
        self.flows = (sip, self.a.flow(*FLOW, kind=RTCP), self.a.flow(*FLOW, kind=LOG), sip)
        self.classes = []

    def put(self, kind, size=200):
        i = len(self.classes)
        self.classes.append(kind)
        text = self._start(kind, i) + b"Call-ID: %d\r\n\r\n#%05d" % (i, i)
        text += b"x" * (size - len(text))
        self.a.capture(self.flows[kind], OUT, text, len(text))

    def _start(self, kind, i):
        if kind == 3:  # each kind of message in turn, and final answers
            i %= 7
            if i < 3:
                return b"SIP/2.0 %s\r\nCSeq: 1 %s\r\n" % ANSWERS[i]
            return STARTS[i] + b" SIP/2.0\r\n"
        return STARTS[kind] + b" SIP/2.0\r\n" if kind == 0 else b""

    def turn(self, n=1):
        with self.net:
            for _ in range(n):
                self.ms.now += 5
                self.a.ms.now += 5
                self.a.poll()

    def arrived(self):
        """Serial numbers, a list for each connection; asserts that only the last octets of a
        broken one are of no whole packet."""
        found = []
        for sock in self.net.socks:
            packets, rest = frames(sock.stream)
            assert not rest or sock is not self.net.socks[-1]
            found.append([int(p[p.index(b"\r\n#") + 3 :][:5]) for p in packets])
        return found

    def account(self):
        """Of each class: captured is what arrived and what was lost. As (arrived, lost)."""
        s = self.a.stats()
        assert s["waiting"] == 0 == s.get("spool_waiting", 0)
        numbers = sum(self.arrived(), [])
        assert len(numbers) == len(set(numbers))
        came, lost = [0] * 4, [0] * 4
        for i in numbers:
            came[self.classes[i]] += 1
        for name in LOSSES:
            if name in s:
                each = [s["%s_%d" % (name, c)] for c in range(4)]
                assert s[name] == sum(each), name
                lost = [a + b for a, b in zip(lost, each)]
        for c in range(4):
            assert self.classes.count(c) == came[c] + lost[c], (c, came, lost, s)
        # And as the agent alone would know it: the connection that broke had taken these.
        left = s["sent"] + s.get("spool_sent", 0)
        assert s["captured"] == left + s["dropped"] + s.get("spool_lost", 0)
        assert left == len(numbers) and s["unconfirmed"] >= len(self.arrived()[0])
        return came, lost


def storm(ms, at=0, turns=1, calls=20, **more):
    """Calls before, in and after an outage in which others flood; the Storm afterwards."""
    s = Storm(ms, Sock(takes=900 + at, then=RESET), **more)
    for _ in range(6):
        s.put(3)
        s.turn()
    s.net.coming = [GONE] * 500
    for i in range(400):
        s.put(3 if i * calls % 400 < calls else (0, 0, 0, 1, 2)[i % 5])
        if turns or i % 40 == 0:
            s.turn(turns or 1)
    s.net.coming = []
    s.turn(6000)
    return s


def test_calls_go_last_without_a_spool():
    for at in range(0, 400, 37):  # the connection breaks anywhere in a packet
        with Milliseconds() as ms:
            s = storm(ms, at, calls=5)
            came, lost = s.account()
            assert lost[3] == 0 and came[3] == 11 and lost[0] > 200 and lost[1] > 60, (at, lost)
            assert sum(s.arrived(), []) == sorted(sum(s.arrived(), []))


def test_more_calls_than_the_ring_holds():
    with Milliseconds() as ms:
        s = storm(ms, calls=100)
        came, lost = s.account()
        # Of the others only those are there that came when no call was to follow.
        assert lost[3] > 80 and came[3] > 10 and sum(came[:3]) == 0, (came, lost)


def test_calls_go_last_with_a_spool():
    for turns in (0, 1, 3):  # faster than blocks are written, and slower
        with Milliseconds() as ms, Flash() as flash:
            s = storm(ms, 100, turns, spool={"path": "/uhep.spool", "blocks": 8})
            came, lost = s.account()
            assert lost[3] == 0 and came[3] == 26 and lost[0] > 150, (turns, came, lost)
            assert s.a.stats()["spool_sent"] > 30 and flash.files == {}


def test_more_calls_than_the_spool_holds():
    with Milliseconds() as ms, Flash():
        s = storm(ms, 100, calls=150, spool={"path": "/uhep.spool", "blocks": 4})
        came, lost = s.account()
        assert lost[3] > 50 and s.a.stats()["spool_lost_3"] > 50
        # The blocks of the flood went first: what is left of it came with the first calls.
        assert came[3] > 5 * (came[0] + came[1]), (came, lost)


def test_it_matters_that_the_classes_are_known():
    # As if all were of one class, calls are lost in the same storm.
    with Milliseconds() as ms, Flash():
        s = Storm(ms, Sock(takes=900, then=RESET), spool={"path": "/uhep.spool", "blocks": 8})
        s.flows = (s.a.flow(*FLOW, kind=LOG),) * 4
        s.net.coming = [GONE] * 500
        s.turn(3)
        for i in range(400):
            s.put(3 if i % 20 == 0 else 0)
            s.turn()
        stats = s.a.stats()
    assert stats["spool_lost_2"] > 200
