"""A keypad: a matrix of contacts between rows and columns of pins."""

import time

from micropython import const

_KEYS = const("123A456B789C*0#D")  # 4 columns; the last one is often not there
_SETTLE_MS = const(20)
_SEVERAL = const(-2)
_NO = const(-1)


class Keypad:
    """`rows` is a list of functions that set the level of a row's pin, `columns` of such that
    give that of a column's: low where a pressed key joins it to the one row that is low.

    on_key(key) hears of each key that is pressed for longer than contacts bounce. While several
    are, which ones can not be told: what counts is the one that stays.
    Memory: a poll allocates nothing.
    """

    def __init__(self, rows, columns, on_key, clock=time):
        self._rows = rows
        self._columns = columns
        self._on_key = on_key
        self._clock = clock
        self._row = 0
        self._found = self._seen = self._key = _NO
        self._told = _NO
        self._since = clock.ticks_ms()
        for write in rows:
            write(1)
        rows[0](0)

    @classmethod
    def of(cls, machine, pins, on_key):
        """One at the board's `pins`, its "rows" and "columns"."""
        pin = machine.Pin
        rows = [pin(each, pin.OPEN_DRAIN).value for each in pins["rows"]]
        columns = [pin(each, pin.IN, pin.PULL_UP).value for each in pins["columns"]]
        return cls(rows, columns, on_key)

    def poll(self):
        """Looks at one row, and then selects the next: its level has until the next poll."""
        self._look()
        self._rows[self._row](1)
        self._row += 1
        if self._row == len(self._rows):
            self._row = 0
            self._judge(self._found)
            self._found = _NO
        self._rows[self._row](0)

    def _look(self):
        at = 4 * self._row
        for read in self._columns:
            if not read():
                self._found = at if self._found == _NO else _SEVERAL
            at += 1

    def _judge(self, found):
        now = self._clock.ticks_ms()
        if found != self._seen:
            self._seen = found
            self._since = now
        elif found != self._key and self._clock.ticks_diff(now, self._since) >= _SETTLE_MS:
            self._key = found
            if found == _NO:
                self._told = _NO
            elif found not in (_SEVERAL, self._told):
                self._told = found
                self._on_key(_KEYS[found])
