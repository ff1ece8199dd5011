# Part of uhep, MIT licence.
"""What is captured at all: by method, answer, peer, one in N calls, so many a second."""

import sys

from uhep.guard import Guard
from uhep.port import const, ticks_diff, ticks_ms

try:
    from uhep._hash import number
except Exception:
    from uhep.rollsum import number

_FOUND = const(10)
_METHOD = const(25)
_STATUS = const(26)
_CLASS = const(27)
_IDS = const(28)

_KIND = const(62)  # in a head: the payload's type
_PEER = const(79)  # in the head of what comes in: the source's address
_LOG = const(100)
_ANSWERS = const(16)  # in `rules`, behind the methods: answers by hundreds
_ONE = const(1000)  # a packet in a bucket
_FULL_MS = const(1000000)
_WRAP = const(0x1FFFFFFF)
_COUNTERS = ("filtered", "sampled_out", "limited_0", "limited_1", "limited_2", "limited_3")


class Filter(Guard):
    """Refuses packets before anything is copied, and counts them in `agent.stats()`.

    filtered: by method, class of answer or peer. sampled_out: of calls that are not among the
    1 in `sample`: a packet stays if its correlation id, taken as a big-endian number, is a
    multiple of `sample` when it is first taken modulo 65521. That is the same on every port
    and in every version, so both ends of a call keep the same ones. Packets without an id
    stay. Logs go neither by peer nor by call: what the agent says of itself has none.
    limited_0 to limited_3: by the buckets of the classes.

    Memory: some 300 octets and the peers' prefixes, made here. A packet allocates nothing.
    """

    def __init__(self, agent, c, ticks=ticks_ms):
        """c: a complete configuration. ticks: in ms, for tests."""
        super().__init__(agent)
        from uhep import rules

        self._agent = agent
        self._st = agent._st
        self.rules = bytearray(32)
        for name in c["skip_methods"]:
            self.rules[rules.METHODS.index(name) + 1] = 1
        for name in c["skip_responses"]:
            self.rules[_ANSWERS + rules.CLASSES.index(name) + 1] = 1
        self._left = [c["keep_first"]] * len(self.rules)
        self._only = sum([rules.prefix(text) for text in c["only_peers"]], [])
        self._not = sum([rules.prefix(text) for text in c["skip_peers"]], [])
        self._sample = c["sample"]
        self._rates = tuple(c["rates"])
        self._full = c["rate_burst"] * _ONE
        self._tokens = [self._full] * 4
        self._ticks = ticks
        self._when = [ticks()] * 4
        self._counts = [0] * len(_COUNTERS)
        self._before = agent.stats
        agent.stats = self.stats
        del sys.modules["uhep.rules"], sys.modules["uhep"].rules  # needed once

    def admit(self, flow, way, buf, n):
        if self._wanted(flow.heads[0]):
            return self._next is None or self._next.admit(flow, way, buf, n)
        return False

    def stats(self):
        """The agent's, with what was refused; that counts as captured."""
        d = self._before()
        i = 0
        while i < len(_COUNTERS):
            d[_COUNTERS[i]] = self._counts[i]
            d["captured"] += self._counts[i]
            i += 1
        return d

    def _wanted(self, head):
        st = self._st
        i = 6
        if not self._passes(head):
            i = 0
        elif self._sample > 1 and st[_IDS] and head[_KIND] != _LOG and not self._drawn(st):
            i = 1
        elif not self._take(st[_CLASS]):
            i = 2 + st[_CLASS]
        if i == 6:
            return True
        self._counts[i] = self._counts[i] + 1 & _WRAP
        return False

    def _passes(self, head):
        if head[_KIND] != _LOG and not self._peer_passes(head):
            return False
        i = self._st[_STATUS]
        return not (self._skips(self._st[_METHOD]) or i and self._skips(_ANSWERS + i // 100))

    def _peer_passes(self, head):
        if self._only and not _among(self._only, head):
            return False
        return not (self._not and _among(self._not, head))

    def _skips(self, i):
        # By a rule, but for the first few of each.
        if not self.rules[i]:
            return False
        if self._left[i]:
            self._left[i] -= 1
            return False
        return True

    def _drawn(self, st):
        return number(self._agent._source, st[_FOUND], st[_IDS]) % 65521 % self._sample == 0

    def _take(self, c):
        # A token of class c, if there is one.
        if not self._rates[c]:
            return True
        now = self._ticks()
        ms = ticks_diff(now, self._when[c])
        if not 0 <= ms < _FULL_MS:
            ms = _FULL_MS
        self._when[c] = now
        ms = min(self._tokens[c] + ms * self._rates[c], self._full)
        self._tokens[c] = ms - _ONE if ms >= _ONE else ms
        return ms >= _ONE


def _among(prefixes, head):
    i = len(prefixes)
    while i:
        i -= 1
        if len(prefixes[i][0]) == head[_PEER - 1] - 6 and _same(prefixes[i], head):
            return True
    return False


def _same(prefix, head):
    octets, bits = prefix
    i = 0
    while bits >= 8:
        if octets[i] != head[_PEER + i]:
            return False
        i += 1
        bits -= 8
    return not bits or (octets[i] ^ head[_PEER + i]) >> 8 - bits == 0
