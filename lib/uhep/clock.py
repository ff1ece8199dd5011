# Part of uhep, MIT licence.
"""Unix time in two 16-bit halves and microseconds, from ticks."""

import time

from uhep.port import const, ticks_us

_COUNT = const(3)
_HI = const(20)
_LO = const(21)
_US = const(22)
_T0 = const(23)
_ZERO = const(24)

_PERIOD = const(0x3FFFFFFF)  # ticks_us wraps there on a board: every 17 min 54 s
_HALF = const(0x1FFFFFFF)
_PLAUSIBLE = const(1735689600)  # 2025-01-01: an earlier time is a clock that nobody has set
_SLEW = const(2)  # seconds; a smaller step back is waited out, so that stamps still rise

# Unix time of the port's epoch: ESP32 counts from 2000, the unix port from 1970.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


class Clock:
    """Stamps for packets: strictly rising microseconds of one clock.

    Keeps its state in the ring's state array; a stamp costs no memory (no int of 2^30 or
    more). `tick` must run at least every 8 minutes: capture and poll do it. Until the time
    is set, stamps count from 0 at the start; with `zero` they are written as 0/0.
    """

    def __init__(self, ring, ticks=ticks_us, zero=False):
        self._ring = ring
        self._ticks = ticks
        self.is_set = False
        ring.st[_T0] = ticks() & _PERIOD
        ring.st[_ZERO] = zero

    def tick(self, least=0):
        """Bring the clock up to now; `least` microseconds on, if no time has passed. 0 octets.

        With 1 it makes a stamp: stamps always rise. The masked difference of ticks is right
        for 8 min 57 s either way.
        """
        st = self._ring.st
        now = self._ticks()
        d = (now - st[_T0]) & _PERIOD
        if d == 0 or d > _HALF:
            d = least
            now = st[_T0] + least - 1 - _PERIOD  # a period before: no int of 2^30
        st[_T0] = now & _PERIOD
        d += st[_US]
        while d >= 1000000:
            d -= 1000000
            st[_LO] = (st[_LO] + 1) & 0xFFFF
            if not st[_LO]:
                st[_HI] += 1
        st[_US] = d

    def now(self):
        """The last stamp as (seconds, microseconds). Allocates."""
        st = self._ring.st
        return (st[_HI] << 16 | st[_LO], st[_US])

    def sync(self):
        """Take the time from the port's clock; False if nobody has set that yet."""
        ns = time.time_ns()
        sec = ns // 1000000000 + _EPOCH
        if sec < _PLAUSIBLE:
            return False
        self.set(sec, ns // 1000 % 1000000)
        return True

    def set(self, sec, us=0):
        """Set Unix time: seconds since 1970 (up to 2^32 - 1) and microseconds.

        The first time, packets that wait in the ring are dated back: what their stamps
        counted from the start becomes the time it was.
        """
        st = self._ring.st
        self.tick()
        was, was_us = self.now()
        back = 0
        if not self.is_set:
            self.is_set = True
            if st[_COUNT] and not st[_ZERO]:
                from uhep.late import date_back

                date_back(self._ring, sec - was, us - was_us)
            st[_ZERO] = 0
        else:
            back = (was - sec) * 1000000 + was_us - us
        if not 0 < back < _SLEW * 1000000:
            back = 0
            st[_HI] = sec >> 16 & 0xFFFF
            st[_LO] = sec & 0xFFFF
            st[_US] = us
        # A small step back: stamps go on by single microseconds until the time has caught up.
        st[_T0] = (self._ticks() + back) & _PERIOD
