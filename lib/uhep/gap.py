# Part of uhep, MIT licence.
"""What is known of packets that were lost: how many, from when to when, of which calls."""

from array import array

from uhep.port import const

_HI = const(20)
_LO = const(21)
_US = const(22)

_CALLS = const(4)  # that are named
_OCTETS = const(64)  # of a Call-ID that are kept
_SAME = const(24)  # octets and the length by which one is known again


class Gap:
    """Notes what an agent's ring and its spool lose, until `clear`.

    lost: packets; calls: Call-IDs that are kept; more: whether there were others, or packets
    whose Call-ID is not known: with `drop` "newest", and of what the spool lost, none is.

    Memory: 300 octets, made here; noting a loss allocates nothing.
    """

    def __init__(self, agent):
        """Stands before `agent`'s `_room` from now on, and hears what its ring evicts."""
        self._ring = agent.ring
        self._buf = agent.ring.buf
        self._clock = agent.clock
        self._room = agent._room
        self._ids = bytearray(_CALLS * _OCTETS)
        self._sizes = bytearray(_CALLS)
        self.span = array("i", [0] * 6)  # stamps of the first and the last, as the clock's
        self.clear()
        agent._room = self.room
        if hasattr(agent, "spool"):
            agent.spool.losing = self.spooled
        self._ring.lost = self._evicted

    def clear(self):
        self.lost = self.calls = 0
        self.more = False

    def room(self, why, n):
        """As the agent's: a packet did not fit."""
        if self._room(why, n):
            return True
        if why == -1:
            self._newest(self._clock._ring.st)
        return False

    def _newest(self, st):
        self._note(st[_HI], st[_LO], st[_US])
        self.more = True

    def _evicted(self, at):
        self._note(self._half(at + 42), self._half(at + 44), self._us(at + 53))
        self._find(at, at + self._half(at + 4))

    def spooled(self, n, stamps):
        """The spool loses n packets: see Spool.losing."""
        self._buf = stamps
        self._note(self._half(4), self._half(6), self._us(9))
        self._note(self._half(12), self._half(14), self._us(17))
        self._buf = self._ring.buf
        self.lost += n - 2
        self.more = True

    def _find(self, at, end):
        at += 73 + 2 * self._buf[at + 78]  # behind the addresses, which end what is constant
        while at < end:
            if self._buf[at + 3] == 17 and not self._buf[at + 2]:
                return self._call(at + 6, self._half(at + 4) - 6)
            at += self._half(at + 4)
        self.more = True

    def _half(self, at):
        return self._buf[at] << 8 | self._buf[at + 1]

    def _us(self, at):
        return self._buf[at] << 16 | self._half(at + 1)

    def _note(self, hi, lo, us):
        # What the spool loses may be older than what the ring lost before.
        if not self.lost or self._earlier(0, hi, lo, us):
            self._set(0, hi, lo, us)
        if not self.lost or not self._earlier(3, hi, lo, us):
            self._set(3, hi, lo, us)
        self.lost += 1

    def _earlier(self, i, hi, lo, us):
        if hi != self.span[i]:
            return hi < self.span[i]
        if lo != self.span[i + 1]:
            return lo < self.span[i + 1]
        return us < self.span[i + 2]

    def _set(self, i, hi, lo, us):
        self.span[i] = hi
        self.span[i + 1] = lo
        self.span[i + 2] = us

    def _call(self, at, n):
        i = 0
        while i < self.calls:
            if self._sizes[i] == n and self._same(i * _OCTETS, at, n):
                return
            i += 1
        if i == _CALLS:
            self.more = True
            return
        self._sizes[i] = n
        self._keep(i * _OCTETS, at, min(n, _OCTETS))
        self.calls += 1

    def _same(self, to, at, n):
        buf = self._ring.buf
        n = min(n, _SAME)
        while n and self._ids[to] == buf[at]:
            to += 1
            at += 1
            n -= 1
        return not n

    def _keep(self, to, at, n):
        n += at
        while at < n:
            self._ids[to] = self._ring.buf[at]
            to += 1
            at += 1

    def write(self, line, names):
        """What was lost, into `line`. names: Name for lost, its span, calls and more."""
        if self.lost and line.key(names[0]):
            line.number(self.lost)
            if line.key(names[1]):
                self._stamp(line, 0)
            if line.key(names[2]):
                self._stamp(line, 3)
            if self.calls and line.key(names[3]):
                self._name(line)
            if self.more and line.key(names[4]):
                line.number(1)

    def _stamp(self, line, i):
        line.seconds(self.span[i], self.span[i + 1], self.span[i + 2])

    def _name(self, line):
        line.octet(34)
        i = 0
        while i < self.calls:
            if i:
                line.octet(32)
            line.part(self._ids, i * _OCTETS, min(self._sizes[i], _OCTETS))
            i += 1
        line.octet(34)
