"""A collector that costs nothing."""


class Sink:
    """A link that takes every packet at once: what is left is the agent's own work."""

    def __init__(self):
        self.write = None
        self.errors = self.refused = self.opened = self.unconfirmed = 0

    def open(self):
        self.write = _take
        return True


def _take(buf, at, n):
    return n
