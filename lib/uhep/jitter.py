# Part of uhep, MIT licence.
"""When the packets of an RTP stream come: jitter, gaps, silence (RFC 3550 6.4.1, A.8)."""

from uhep.port import const

_HALF = const(0x1FFFFFFF)
_MASK = const(0x3FFFFFFF)
_SECOND = const(1000000)
_ODD_US = const(5000000)  # a difference over this is a timestamp that was set anew
_DAY_S = const(86400)
_CN = const(13)  # comfort noise, RFC 3389


class Jitter:
    """Part of RtpStats, which describes it. Counts in microseconds, whatever the RTP clock."""

    def __init__(self, clock_hz, event_pt, one_way_ms):
        a, b = _SECOND, clock_hz
        while b:
            a, b = b, a % b
        # clock_hz / 10^6 as the fraction _p / _q.
        self._p, self._q = clock_hz // a, _SECOND // a
        if clock_hz < 1 or _SECOND * self._p > _MASK or clock_hz * self._q > _MASK:
            raise ValueError("clock_hz: %r is no clock of RTP" % clock_hz)
        self.clock_hz = clock_hz
        self.event_pt = event_pt
        self.one_way_ms = one_way_ms
        self.expects = True
        self._t0 = -1
        self._s = self._us = 0  # a clock of our own, from the first look or packet on
        self._heard_s = self._heard_us = 0  # when the last packet came,
        self._audio_s = self._audio_us = 0  # and the last that was no event
        self._stamp = -1  # its timestamp
        self._quiet = False  # it was comfort noise
        self._j = self._max_j = 0  # sixteenths of microseconds
        self._mean = self._rest = self._n = 0
        self.delta_us = self.max_delta_us = 0

    def look(self, ticks):
        """Bring the clock up to `ticks`: at least every 8 minutes, packets or not."""
        if self._t0 < 0:
            self._t0 = ticks & _MASK
        d = (ticks - self._t0) & _MASK
        if d > _HALF:
            return  # back in time: it stands still
        self._t0 = ticks & _MASK
        d += self._us
        self._s += d // _SECOND
        self._us = d % _SECOND

    def expect(self, comes, ticks):
        """Whether packets are to come from now on: not while the call is on hold."""
        self.look(ticks)
        if comes and not self.expects:
            self._heard_s = self._s
            self._heard_us = self._us
            self._stamp = -1  # the hold was no gap
        self.expects = comes

    @property
    def jitter_us(self):
        return self._j >> 4

    @property
    def max_jitter_us(self):
        return self._max_j >> 4

    @property
    def mean_jitter_us(self):
        return self._mean >> 4

    @property
    def jitter(self):
        n = self._j >> 4
        return n // _SECOND * self.clock_hz + n % _SECOND * self._p // self._q

    def in_ms(self, units):
        """Timestamp units, of another's report say, in milliseconds; 134 s at the most."""
        return min(units, 1 << 20) * 10 // (self.clock_hz // 100)

    @property
    def silent_ms(self):
        d = min(self._s - self._heard_s, _DAY_S)
        return d * 1000 + (self._us - self._heard_us) // 1000

    @property
    def one_way(self):
        return self.expects and not self._quiet and self.silent_ms >= self.one_way_ms

    def _anew(self):
        # Another stream: what comes next has nothing before it.
        self._stamp = -1
        self._j = 0

    def _time(self, buf):
        self._heard_s = self._s
        self._heard_us = self._us
        kind = buf[1] & 0x7F
        if kind == self.event_pt:
            return
        ts = (buf[4] & 0x3F) << 24 | buf[5] << 16 | buf[6] << 8 | buf[7]
        if self._stamp >= 0:
            d = min(self._s - self._audio_s, 500) * _SECOND + self._us - self._audio_us
            if not (self._quiet or kind == _CN or buf[1] > 127):
                self.delta_us = d
                self.max_delta_us = max(self.max_delta_us, d)
                self._after(d, ts - self._stamp)
        self._stamp = ts
        self._quiet = kind == _CN
        self._audio_s = self._s
        self._audio_us = self._us

    def _after(self, d, ts):
        # d microseconds after the packet before it, and ts units of its timestamp.
        ts &= _MASK
        if ts > _HALF:
            ts -= _MASK
            ts -= 1
        s = ts // self.clock_hz
        if not -60 < s < 500:
            return
        d = abs(d - s * _SECOND - ts % self.clock_hz * self._q // self._p)
        if d < _ODD_US:
            self._move(d)

    def _move(self, d):
        j = self._j
        j += d - (j + 8 >> 4)
        self._j = j
        self._max_j = max(self._max_j, j)
        # The mean to the last digit: what is over is kept.
        n = self._n = self._n + 1
        d = self._rest + j - self._mean
        self._mean += d // n
        self._rest = d % n
