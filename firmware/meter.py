"""An Agent that knows what its captures cost in memory."""

from micropython import mem_total
from uhep import Agent


class MeteredAgent(Agent):
    """Counts in `asked` the bytes that capture() and poll() asked the heap for.

    mem_total() counts every request, also for memory that is given back at once. A poll that
    opens a connection or meets an error is left out: that is no packet's cost.
    """

    def __init__(self, config):
        super().__init__(config)
        self.asked = 0

    def capture(self, flow, way, buf, n, cid=None):
        before = mem_total()
        queued = Agent.capture(self, flow, way, buf, n, cid)
        self.asked += mem_total() - before
        return queued

    def poll(self):
        events = self._events()
        before = mem_total()
        sent = Agent.poll(self)
        asked = mem_total() - before
        if events == self._events():
            self.asked += asked
        return sent

    def _events(self):
        stats = self.stats()
        return stats["connects"] + stats["errors"]
