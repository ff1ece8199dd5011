# Part of uhep, MIT licence.
"""What an agent has counted. Imported when somebody asks for the first time."""

# The counters of the state array from 11 on; see uhep.ring.
_NAMES = (
    "high_water_bytes",
    "high_water_records",
    "truncated",
    "queued",
    "dropped_oldest",
    "dropped_newest",
    "too_big",
    "unwanted",
    "empty",
)


class Stats:
    """Fills one dict again and again; see Agent.stats. Memory: the dict and its keys."""

    def __init__(self, agent):
        self._agent = agent
        self._dict = {}
        self._at = at = {"waiting": 3, "waiting_bytes": 6}  # where each stands in the state
        for i in range(9):
            at[_NAMES[i]] = 11 + i
        for i in range(12):
            at["%s_%d" % (_NAMES[4 + i // 4], i & 3)] = 35 + i

    def fill(self):
        """The counters of now. Allocates nothing after the first time."""
        d = self._dict
        a = self._agent
        self._take(a.ring.st, d)
        d["errors"] = a.link.errors
        d["refused"] = a.link.refused
        d["unconfirmed"] = a.link.unconfirmed
        d["connects"] = a.link.opened
        d["clock_set"] = a.clock.is_set
        return d

    def _take(self, st, d):
        for name in self._at:
            d[name] = st[self._at[name]]
        d["sent"] = st[14] - st[15] - st[3]
        d["captured"] = st[14] + st[16] + st[17] + st[18] + st[19]
        d["dropped"] = d["captured"] - d["queued"] + st[15]
