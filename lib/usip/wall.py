"""NTP time for RTCP, without large ints (RFC 3550 section 4)."""

import time

# Seconds from 1900 to the port's own epoch, in two halves of 16 bits.
_HIGH, _LOW = (0xBC17, 0xC200) if time.gmtime(0)[0] == 2000 else (0x83AA, 0x7E80)


class Wall:
    """NTP time in halves, from ticks: seconds `high`, `low`, and a fraction `part`, `rest`.

    `clock` has time_ns and ticks_us. tick() must come at least every 8 minutes.
    """

    def __init__(self, clock):
        now = clock.time_ns()
        seconds = now // 1000000000 + (_HIGH << 16 | _LOW)
        self.high = seconds >> 16 & 0xFFFF
        self.low = seconds & 0xFFFF
        self.part = self.rest = 0
        self._us = now // 1000 % 1000000
        self._clock = clock
        self._ticks = clock.ticks_us()

    def tick(self):
        now = self._clock.ticks_us()
        us = self._us + max(self._clock.ticks_diff(now, self._ticks), 0)
        self._ticks = now
        while us >= 1000000:
            us -= 1000000
            self.low = self.low + 1 & 0xFFFF
            if not self.low:
                self.high = self.high + 1 & 0xFFFF
        self._us = us
        # us * 2^32 / 10^6 in two steps, each under 2^30.
        self.part = us * 1024 // 15625
        self.rest = us * 1024 % 15625 * 65536 // 15625
