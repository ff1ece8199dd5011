# Part of uhep, MIT licence.
"""The asyncio streams of CPython, tapped. Not imported on MicroPython."""

from uhep import IN, OUT


class Streams:
    """Stands before the reader's feed_data and the writer's write and writelines.

    tap: a StreamTap, which hears of what passes. Several stand one before the other and may
    go in any order.
    """

    def __init__(self, reader, writer, tap):
        self._tap = tap
        self._ends = {"feed_data": reader, "write": writer, "writelines": writer}
        self._mine = {
            "feed_data": self._fed,
            "write": self._wrote,
            "writelines": self._wrote_lines,
        }
        self._next = {name: getattr(end, name) for name, end in self._ends.items()}
        for name, end in self._ends.items():
            setattr(end, name, self._mine[name])

    def poll(self):
        """See StreamTap.poll."""
        self._tap.poll()

    def untap(self):
        """Capture nothing any more. The streams are as they were."""
        self._tap.untap()
        for name, end in self._ends.items():
            self._leave(end, name)

    def _leave(self, end, name):
        top = getattr(end, name)
        if top != self._mine[name]:
            while top.__self__._next[name] != self._mine[name]:
                top = top.__self__._next[name]
            top.__self__._next[name] = self._next[name]
        elif self._next[name].__self__ is end:
            delattr(end, name)
        else:
            setattr(end, name, self._next[name])

    def _fed(self, data):
        self._next["feed_data"](data)
        self._tap.saw(IN, data, len(data))

    def _wrote(self, data):
        self._next["write"](data)
        self._tap.saw(OUT, data, len(data))

    def _wrote_lines(self, data):
        data = list(data)
        self._next["writelines"](data)
        for line in data:
            self._tap.saw(OUT, line, len(line))
