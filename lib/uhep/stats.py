# Part of uhep, MIT licence.
"""What an agent has counted. Imported when somebody asks for the first time."""

_LOST = ("dropped_oldest", "dropped_newest", "too_big")

# In the order of the state array, from 11 on; see ring.py.
_COUNTERS = (
    ("high_water_bytes", "high_water_records", "truncated", "queued")
    + _LOST
    + ("unwanted", "empty")
)


class Stats:
    """Fills one dict again and again; see Agent.stats. Memory: the dict and its keys."""

    def __init__(self, agent):
        self._agent = agent
        self._dict = {}
        self._classes = [name + "_%d" % c for name in _LOST for c in range(4)]

    def fill(self):
        """The counters of now. Allocates nothing after the first time."""
        d = self._dict
        a = self._agent
        self._take(a.ring.st, _COUNTERS, 11)
        self._take(a.ring.st, self._classes, 35)
        self._sums(a.ring.st)
        d["errors"] = a.link.errors
        d["refused"] = a.link.refused
        d["unconfirmed"] = a.link.unconfirmed
        d["connects"] = a.link.opened
        d["clock_set"] = a.clock.is_set
        return d

    def _take(self, st, names, at):
        i = 0
        while i < len(names):
            self._dict[names[i]] = st[at]
            at += 1
            i += 1

    def _sums(self, st):
        d = self._dict
        d["waiting"] = st[3]
        d["waiting_bytes"] = st[6]
        d["sent"] = st[14] - st[15] - st[3]
        i = st[16] + st[17] + st[18] + st[19]
        d["captured"] = st[14] + i
        d["dropped"] = st[15] + i
