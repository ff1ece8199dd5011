"""A board's pins, for both interpreters: `machine` with Pin, as firmware/port.py asks for it."""

import port
from doubles import Clock


class Pin:
    """A pin; `all` has each by its number, `level` is what it is, and what is in `first` at the
    start where something drives it."""

    IN, OUT, OPEN_DRAIN, PULL_UP, PULL_DOWN = "in", "out", "open drain", "up", "down"
    all = {}
    first = {}

    def __init__(self, number, mode=None, pull=None):
        self.mode = mode
        self.pull = pull
        self.level = self.first.get(number, 1 if pull == self.PULL_UP else 0)
        self.all[number] = self

    def value(self, level=None):
        if level is None:
            return self.level
        assert self.mode in (self.OUT, self.OPEN_DRAIN)
        self.level = level


class Machine:
    Pin = Pin


class Board:
    """Pins as a board.json has them, within `with`; `first` are the levels of some at the start.
    `clock` is that of what was made of them, once adopt() was called."""

    def __init__(self, described, first=()):
        self.described = described
        self.first = dict(first)
        self.clock = Clock()
        self._before = {}

    def __enter__(self):
        Pin.all = {}
        Pin.first = self.first
        for name, value in (
            ("machine", Machine),
            ("ON_BOARD", True),
            ("board", lambda: self.described),
        ):
            self._before[name] = getattr(port, name, None)
            setattr(port, name, value)
        return self

    def __exit__(self, *_):
        for name in self._before:
            setattr(port, name, self._before[name])

    def adopt(self, pins):
        """Takes what Pins polls, and what these poll, to the clock of the test."""
        self.pins = pins
        self._adopt(pins._polled)

    def _adopt(self, found):
        for each in found:
            if hasattr(each, "_clock"):
                each._clock = self.clock
            if hasattr(each, "_reverse"):
                self._adopt([each._reverse])

    def run(self, ms=50):
        """Polls the pins each millisecond."""
        for _ in range(ms):
            self.pins.poll()
            self.clock.pass_ms(1)

    def seen(self, number, ms):
        """The levels of a pin over a time, as [(level, ms), ...]."""
        found = []
        for _ in range(ms):
            self.pins.poll()
            level = Pin.all[number].level
            if found and found[-1][0] == level:
                found[-1][1] += 1
            else:
                found.append([level, 1])
            self.clock.pass_ms(1)
        return [tuple(each) for each in found]
