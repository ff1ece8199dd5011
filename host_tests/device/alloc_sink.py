"""An agent whose link takes everything and keeps nothing."""

from capture_doubles import CONFIG, Ticks
from uhep import Agent


class Sink:
    errors = refused = opened = unconfirmed = 0

    def __init__(self):
        self.write = self._write

    def _write(self, buf, at, n):
        return n

    def open(self):
        return True


def sink_agent():
    made = Agent(CONFIG, Ticks(), Sink())
    made.clock.set(1767225600)
    made._linked()
    return made
