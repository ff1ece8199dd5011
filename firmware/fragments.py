"""Datagrams that IP has cut, put together again, within bounds (RFC 815, RFC 8200 4.5)."""

import time

from micropython import const

_KEEP_MS = const(30000)
_PIECES = const(64)  # of one datagram


class Fragments:
    """At most `most` datagrams at a time, of `octets` at most.

    One that is longer, whose pieces overlap without being the same, or that comes in too many
    is given up; so is the oldest when one more begins, and each after 30 s. All these are
    counted in `lost`. Memory: `most` buffers, made when they are first needed.
    """

    def __init__(self, most, octets, clock=time):
        self.lost = 0
        self._most = most
        self._octets = octets
        self._clock = clock
        self._table = []
        self._free = []

    def __len__(self):
        return len(self._table)

    def add(self, key, at, last, data):
        """A piece that belongs at `at`; the datagram in octets if it is whole now, or None.

        key: what all pieces have in common. Raises nothing.
        """
        n = len(data)
        if not n or (n & 7 and not last):
            return None
        one = self._find(key) or self._begin(key)
        if one.refused or not one.fits(at, n, last) or not one.put(at, data):
            one.refuse(self)
            return None
        if one.missing:
            return None
        whole = bytes(one.buf[: one.size])
        self._end(one)
        return whole

    def poll(self):
        """Gives up what has not become whole in 30 s."""
        now = self._clock.ticks_ms()
        for one in list(self._table):
            if self._clock.ticks_diff(now, one.since) >= _KEEP_MS:
                self._lose(one)

    def _find(self, key):
        for one in self._table:
            if one.key == key:
                return one
        return None

    def _begin(self, key):
        if len(self._table) >= self._most:
            self._lose(self._table[0])
        buf = self._free.pop() if self._free else bytearray(self._octets)
        one = _Datagram(key, buf, self._clock.ticks_ms())
        self._table.append(one)
        return one

    def _lose(self, one):
        if not one.refused:
            self.lost += 1
        self._end(one)

    def _end(self, one):
        self._table.remove(one)
        if one.buf:
            self._free.append(one.buf)


class _Datagram:
    def __init__(self, key, buf, since):
        self.key = key
        self.buf = buf
        self.since = since
        self.size = 0  # known once the last piece has come
        self.refused = False
        self._pieces = []  # (begin, end)

    @property
    def missing(self):
        """Whether pieces are missing."""
        return not self.size or sum([end - at for at, end in self._pieces]) != self.size

    def fits(self, at, n, last):
        if last:
            if self.size and self.size != at + n:
                return False
            self.size = at + n
        most = self.size or len(self.buf)
        return at + n <= min(most, len(self.buf)) and len(self._pieces) < _PIECES

    def put(self, at, data):
        end = at + len(data)
        for begin, behind in self._pieces:
            if at < behind and begin < end:
                return (at, end) == (begin, behind) and self.buf[at:end] == data
            if self.size and behind > self.size:
                return False
        self._pieces.append((at, end))
        self.buf[at:end] = data
        return True

    def refuse(self, table):
        # It stays, without its buffer, so that its other pieces do not begin it anew.
        if not self.refused:
            self.refused = True
            table.lost += 1
            table._free.append(self.buf)
            self.buf = None
