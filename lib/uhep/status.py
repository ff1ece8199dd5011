# Part of uhep, MIT licence.
"""The agent tells about itself: a line of text every now and then, among the packets."""

import gc

from uhep import LOG, OUT
from uhep.gap import Gap
from uhep.logline import Line, Name
from uhep.port import const, ticks_add, ticks_diff, ticks_ms

_LEAST_MS = const(1000)  # between two lines
_CALM_MS = const(1000)  # so long nothing must be lost before a gap counts as closed
_LARGE = const(1 << 20)  # a heap that takes too long to count
_LOCAL = ("127.0.0.1", 0)


class Status:
    """Captures a line of type 100, correlation id "uhep", every `status_s`; see README.md.

    One goes out too when the link opens, when packets were lost, when the spool or a
    collector has something to say, and when `ask` was called; never while the link is down,
    and at most one a second. `agent.status_put` adds to it.

    Memory: a line, the names of all counters and a flow: some 2 KB. A line allocates nothing;
    a failure of the link does: the words for it.

    heap: gives the octets of free heap, None: nobody. A heap over 1 MB is not counted, since
    that would take longer than a packet of speech may wait.
    """

    def __init__(self, agent, config, ticks=ticks_ms):
        """Stands before `poll`, `_linked` and `_room` of `agent` from now on."""
        self.heap = None
        if hasattr(gc, "mem_free") and gc.mem_free() + gc.mem_alloc() <= _LARGE:
            self.heap = gc.mem_free
        self._agent = agent
        self._ticks = ticks
        self._every_ms = config["status_s"] * 1000
        self._flow = agent.flow(_LOCAL, _LOCAL, kind=LOG)
        queues = getattr(agent, "queues", [agent])  # see Copy
        self._gaps = [(Gap(queue), _names(i)) for i, queue in enumerate(queues)]
        self._lost = 0  # by all gaps, when they were last looked at
        self._extra = {}
        self._failure = None
        self._fresh = True  # no link has opened yet
        self._why = None
        self._up_s = self._up_ms = 0
        self._told = self._calm = self._due = ticks()
        n = 900 * len(queues)  # what there is to tell, if all has happened
        self._line = Line(min(n, config["max_packet"] - self._flow.fixed - 16))
        words = ("why", "up", "heap", "clock", "link", "failure")
        self._names = {word: Name(word) for word in words}
        self._begin = Name("uhep why", True)
        stats = agent.stats()
        self._counters = [
            (key, Name(key))
            for key in sorted(stats)
            if key != "clock_set" and key[-6:] != "status"
        ]
        # Of each spool: where its status stands in the counters, its key here, what was told.
        self._spools = [[key, key[:-7], None] for key in stats if key[-6:] == "status"]
        self._news(stats)
        self._links = []
        for link in _all(agent.link):
            self._watch(link, config["transport"])
        self._before = (agent.poll, agent._linked)
        agent.poll = self.poll
        agent._linked = self.linked
        agent.status_put = self.put
        agent.status = self

    def put(self, key, value):
        """Add `key` to the lines to come, or change it. value: int below 2^30, str or bytes.

        A key is [a-z0-9_]. Allocates for a new key, and for a text that is another.
        """
        had = self._extra.get(key)
        if had is None:
            had = self._extra[key] = [Name(key), 0, None]
        if isinstance(value, int):
            had[1] = value
        elif value != had[1]:
            had[1] = value
            had[2] = value.encode() if isinstance(value, str) else value

    def ask(self, why=b"asked"):
        """A line soon; why: bytes, one word."""
        self._why = why

    def poll(self):
        """As the agent's."""
        n = self._before[0]()
        if self._why or ticks_diff(self._ticks(), self._due) >= 0:
            self._look()
        return n

    def linked(self):
        """The link has opened or closed."""
        self._before[1]()
        if self._agent._out[2] and self._why != b"start":
            self._why = b"start" if self._fresh else b"outage"
            self._fresh = False

    def _watch(self, link, transport):
        if not hasattr(link, "broken"):
            return
        broken = link.broken
        self._links.append((link, ("%s %s" % (transport, link.address)).encode()))

        def noted(why):
            broken(why)
            self._failed(link)

        link.broken = noted

    def _failed(self, link):
        if len(self._links) > 1:
            self._failure = ("%s %s" % (link.address, link.status)).encode()
        else:
            self._failure = link.status.encode()

    def _look(self):
        # Is it time for a line, and why? Not more often than once a second.
        now = self._ticks()
        self._due = ticks_add(now, _LEAST_MS)
        ms = ticks_diff(now, self._told)
        if not self._agent._out[2]:
            if ms > _LEAST_MS:  # ticks wrap, and an outage may be longer
                self._age(ms - _LEAST_MS)
                self._told = ticks_add(now, -_LEAST_MS)
            return
        if self._why != b"start" and ms < _LEAST_MS:
            return
        if not self._why:
            self._why = self._reason(now)
            if not self._why and ms < self._every_ms:
                self._due = ticks_add(now, min(_LEAST_MS, self._every_ms - ms))
                return
        self._tell(now, ms)

    def _reason(self, now):
        lost = self._gaps[0][0].lost + self._gaps[-1][0].lost
        if lost != self._lost:
            self._lost = lost
            self._calm = now
        elif self._lost and ticks_diff(now, self._calm) >= _CALM_MS:
            return b"gap"
        if self._news(self._agent.stats()):
            return b"spool"
        # With several collectors, one may fail while another is in use.
        return b"failure" if self._failure else None

    def _news(self, stats):
        # Whether a spool's status is another one; the lines have it from now on.
        found = False
        i = len(self._spools)
        while i:
            i -= 1
            spool = self._spools[i]
            if spool[2] != stats[spool[0]]:
                spool[2] = stats[spool[0]]
                self.put(spool[1], spool[2])
                found = True
        return found

    def _age(self, ms):
        self._up_ms += ms
        self._up_s += self._up_ms // 1000
        self._up_ms %= 1000

    def _tell(self, now, ms):
        self._age(ms)
        self._told = now
        line = self._line
        self._write(line)
        if self._agent.capture(self._flow, OUT, line.buf, line.n, b"uhep"):
            self._gaps[0][0].clear()
            self._gaps[-1][0].clear()
            self._lost = 0
            self._why = self._failure = None

    def _write(self, line):
        line.start()
        line.key(self._begin)
        self._word(line, self._why or b"time")
        self._number(line, "up", self._up_s)
        if self.heap:
            self._number(line, "heap", self.heap())
        stats = self._agent.stats()
        line.key(self._names["clock"])
        self._word(line, b"set" if stats["clock_set"] else b"unset")
        self._link(line)
        i = 0
        while i < len(self._gaps):
            self._gaps[i][0].write(line, self._gaps[i][1])
            i += 1
        self._others(line)
        self._count(line, stats)

    def _link(self, line):
        use = getattr(self._agent.link, "_use", self._agent.link)
        i = 0
        while i < len(self._links):
            if self._links[i][0] is use and line.key(self._names["link"]):
                line.text(self._links[i][1])
            i += 1
        if self._failure and line.key(self._names["failure"]):
            line.text(self._failure)

    def _count(self, line, stats):
        i = 0
        while i < len(self._counters):
            key, name = self._counters[i]
            i += 1
            key = stats[key]
            if key and line.key(name):
                line.number(key)

    def _others(self, line):
        for key in self._extra:
            key = self._extra[key]
            if line.key(key[0]):
                if isinstance(key[1], int):
                    line.number(key[1])
                else:
                    line.text(key[2])

    def _number(self, line, key, value):
        if line.key(self._names[key]):
            line.number(value)

    def _word(self, line, word):
        line.part(word, 0, len(word))


def _names(i):
    # Of what a gap writes; that of the second collector as its counters.
    words = ("lost", "lost_from", "lost_to", "lost_calls", "lost_more")
    return [Name("copy_" * i + word) for word in words]


def _all(link):
    # The links of several collectors, each maybe made of others.
    found = []
    for one in getattr(link, "links", ()):
        found += _all(one)
    return found or [link]
