"""SIP messages out of the TCP segments of other people's connections, within bounds."""

import time

from micropython import const
from uhep.framer import Framer

_FIN = const(1)
_SYN = const(2)
_RST = const(4)
_AHEAD = const(8)  # segments that may wait for one that is missing
_FAR = const(1 << 20)  # octets: further ahead is another stream
_GAP_MS = const(1000)
_DEAD_MS = const(86400000)  # of silence: its end was not seen; ticks do not tell longer ones


class Segments:
    """Each direction of a connection by itself, `most` of them at a time.

    sink(side, buf, n) hears of a message; `side.key` is what its segments were given with.
    What comes twice is passed over, what comes too early waits, at most 8 segments and 1 s;
    then the missing ones are given up (counted in `gaps`) and the next start line is looked
    for. A new direction takes the place of the one that has been silent for longest; a day of
    silence is the end of one.

    Memory: for each direction a Framer and what waits, at most `octets` of it.
    """

    def __init__(self, sink, most, octets, clock=time):
        """octets: the longest message that is captured whole."""
        self.gaps = 0
        self.sink = sink
        self.octets = octets
        self.clock = clock
        self._most = most
        self._table = []
        self._free = []

    def __len__(self):
        return len(self._table)

    def knows(self, key):
        """Whether that direction is being followed."""
        return self._find(key) is not None

    def take(self, key, seq, flags, data):
        """One segment, of a direction that is followed from now on."""
        side = self._find(key)
        if flags & _SYN:
            if side:
                self._end(side)
            return
        if data:
            side = side or self._begin(key, seq)
            side.take(seq, data)
        if side and flags & (_FIN | _RST):
            self._end(side)

    def poll(self):
        """Gives up what is missing for too long, and gives away what does not go on."""
        now = self.clock.ticks_ms()
        for side in list(self._table):
            side.poll()
            if self.clock.ticks_diff(now, side.since) > _DEAD_MS:
                self._end(side)

    def _find(self, key):
        for side in self._table:
            if side.key == key:
                return side
        return None

    def _begin(self, key, seq):
        if len(self._table) >= self._most:
            now = self.clock.ticks_ms()
            diff = self.clock.ticks_diff
            self._end(max(self._table, key=lambda side: diff(now, side.since)))
        side = self._free.pop() if self._free else _Side(self)
        side.key = key
        side.next = seq
        self._table.append(side)
        return side

    def _end(self, side):
        side.end()
        self._table.remove(side)
        self._free.append(side)


class _Side:
    def __init__(self, segments):
        self.key = None
        self.next = 0  # sequence number of the next octet
        self.since = segments.clock.ticks_ms()
        self._segments = segments
        self._ahead = []  # (sequence number, octets)
        self._framer = Framer(self._took, headers=segments.octets, ticks=segments.clock.ticks_ms)

    def take(self, seq, data):
        self.since = self._segments.clock.ticks_ms()
        self._put(seq, data)
        while self._ahead:
            at = self._nearest()
            if _behind(self._ahead[at][0], self.next) > 0:
                return
            self._put(*self._ahead.pop(at))

    def poll(self):
        clock = self._segments.clock
        if self._ahead and clock.ticks_diff(clock.ticks_ms(), self.since) >= _GAP_MS:
            self._skip()
        self._framer.poll()

    def end(self):
        while self._ahead:
            self._skip()
        self._framer.flush()

    def _put(self, seq, data):
        early = _behind(seq, self.next)
        if early > _FAR or early < -_FAR:
            self._lost(seq)
        elif early > 0:
            self._wait(seq, data)
            return
        elif early < 0:
            data = data[-early:]  # the rest has been there before
            seq = self.next
        if data:
            self._framer.feed(data, len(data))
            self.next = seq + len(data) & 0xFFFFFFFF

    def _wait(self, seq, data):
        self._ahead.append((seq, data))
        octets = sum([len(each[1]) for each in self._ahead])
        if len(self._ahead) > _AHEAD or octets > self._segments.octets:
            self._skip()

    def _skip(self):
        # On with the first of what waits, and what follows it.
        seq, data = self._ahead.pop(self._nearest())
        if _behind(seq, self.next) > 0:
            self._lost(seq)
        self._put(seq, data)

    def _lost(self, seq):
        self._segments.gaps += 1
        self._framer.flush()
        self.next = seq

    def _nearest(self):
        best = 0
        for at in range(len(self._ahead)):
            if _behind(self._ahead[at][0], self._ahead[best][0]) < 0:
                best = at
        return best

    def _took(self, buf, n):
        self._segments.sink(self, buf, n)


def _behind(seq, other):
    """How far `seq` is behind `other` in the stream; below 0: before it."""
    return (seq - other + 0x80000000 & 0xFFFFFFFF) - 0x80000000
