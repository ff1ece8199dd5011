"""Lamps, and switches that are pressed or lifted: pins, with their meaning."""

import time

from micropython import const

_SETTLE_MS = const(20)  # a contact bounces for less


class Lamp:
    """A LED, or what rings: `write(level)` sets its pin. Blinks by itself when polled.

    blink(on_ms, off_ms, ...) is a pattern that goes on; on() and off() have no end.
    """

    def __init__(self, write, active="high", clock=time):
        self._write = write
        self._high = active == "high"
        self._clock = clock
        self._pattern = ()
        self._at = 0
        self._due = 0
        self.lit = None
        self.off()

    def on(self):
        self._pattern = ()
        self._set(True)

    def off(self):
        self._pattern = ()
        self._set(False)

    def blink(self, *pattern):
        if pattern != self._pattern:
            self._pattern = pattern
            self._at = 0
            self._due = self._clock.ticks_add(self._clock.ticks_ms(), pattern[0])
            self._set(True)

    def poll(self):
        if not self._pattern or self._clock.ticks_diff(self._clock.ticks_ms(), self._due) < 0:
            return
        self._at = (self._at + 1) % len(self._pattern)
        self._due = self._clock.ticks_add(self._due, self._pattern[self._at])
        self._set(self._at % 2 == 0)

    def _set(self, lit):
        if lit != self.lit:
            self.lit = lit
            self._write(1 if lit == self._high else 0)


class Switch:
    """A button or a hook switch: `read()` gives the level of its pin.

    `closed` says what it is; on_change(closed, ms) hears of each change that lasts for
    `settle_ms`, for contacts bounce, with how long it had been as it was before.
    """

    def __init__(self, read, active, on_change, clock=time, settle_ms=_SETTLE_MS):
        self._read = read
        self._level = 1 if active == "high" else 0
        self._on_change = on_change
        self._clock = clock
        self._settle_ms = settle_ms
        self.closed = self._seen = read() == self._level
        self._since = self._changed = clock.ticks_ms()

    def poll(self):
        closed = self._read() == self._level
        if closed != self._seen:
            self._seen = closed
            self._since = self._clock.ticks_ms()
        elif closed != self.closed:
            self._settle(closed)

    def _settle(self, closed):
        clock = self._clock
        if clock.ticks_diff(clock.ticks_ms(), self._since) >= self._settle_ms:
            self.closed = closed
            lasted = clock.ticks_diff(self._since, self._changed)
            self._changed = self._since
            self._on_change(closed, lasted)
