# Part of uhep, MIT licence.
"""Every packet to two collectors: `collectors` "copy"."""

from uhep.clock import Clock
from uhep.guard import Guard
from uhep.late import date_back
from uhep.move import Mover
from uhep.port import const
from uhep.ring import SendRing

_HEAD = const(0)
_TAIL = const(1)
_END = const(2)
_COUNT = const(3)
_AT = const(4)
_LEFT = const(5)
_USED = const(6)
_SIZE = const(7)
_PEAK_BYTES = const(11)
_PEAK_RECORDS = const(12)
_QUEUED = const(14)
_HI = const(20)
_ZERO = const(24)
_METHOD = const(25)
_CLASS = const(27)
_STATE = const(30)
_NUMBER = const(31)
_BEGIN = const(4)
_SLACK = const(260)
_WRAP = const(0x1FFFFFFF)

# Keys of what is done before a packet is copied.
_FRONT = ("redact", "redact_salt", "trigger_s", "skip_methods", "skip_responses", "keep_first")
_FRONT += ("only_peers", "skip_peers", "sample", "rates")
_OWN = ("clock_set",)  # of stats(): the same for both
# Counted before a packet is copied, so that both collectors miss it.
_BEFORE = ("truncated", "too_big", "unwanted", "empty", "dropped")
_BEFORE += ("too_big_0", "too_big_1", "too_big_2", "too_big_3")


class Copy(Guard):
    """Hands each record of the agent's ring to two queues, one for each collector.

    A queue is an agent of its own, with ring, link, back-off, spool and counters; the ring of
    the agent in front holds a single packet, on its way. What one collector does or does not
    do is therefore nothing to the other: when its ring is full, its own packets are dropped,
    by `drop` and the order of sacrifice, and counted.

    Memory: two rings of `queue_bytes`, one of a packet, 512 octets to copy with, all made
    here. A packet allocates nothing, and costs two copies more.
    """

    def __init__(self, agent, config, make):
        """config: a complete one; make(config): an agent."""
        super().__init__(agent)
        self.queues = agent.queues = []
        self._agent = agent
        most = config["max_packet"]
        self._ring = agent.ring = ring = SendRing(most + 512, most, True, agent.ring._slide)
        agent._st = ring.st
        agent._ring = ring.buf
        agent._out = (ring.st, ring.buf, None)
        agent.clock = Clock(ring, agent.ticks, config["before_time"] == "zero")
        agent.link = self
        self._stats = agent.stats
        self._idle = agent._idle
        spool = config["spool"]
        for i in range(2):
            own = dict(config)
            own["capture_address"] = config["capture_address"][i]
            own["collectors"] = "failover"
            own["enabled"] = True
            own["status_s"] = 0
            for key in _FRONT:
                own.pop(key, None)
            if i and spool:
                own["spool"] = {"path": spool["path"] + ".second", "blocks": spool["blocks"]}
            queue = make(own)
            queue.clock = agent.clock
            queue.mover = Mover(queue.ring.buf)
            if getattr(queue.link, "_beat", None):
                self._date_beats(queue, queue.link._beat)
            self._hear(queue)
            self.queues.append(queue)
        self._set = agent.clock.set
        agent.clock.set = self._date
        agent.poll = self.poll
        agent.stats = self.stats
        self._names = []
        for key in self.queues[1].stats():
            if key not in _OWN:
                self.second(key)
        agent.stats()

    def second(self, key):
        """Tell this counter of the second collector as well, as copy_..."""
        self._names.append((key, "copy_" + key))

    def _hear(self, queue):
        linked = queue._linked

        def told():
            linked()
            self._agent._linked()

        queue._linked = told

    def _date_beats(self, queue, beat):
        # A keep-alive is captured on the queue itself, in whose state the time stands still.
        def dated():
            self._agent.clock.tick(1)
            self._describe(queue.ring.st, _HI, _METHOD)
            beat()
            self._agent.clock.tick(1)

        queue.link._beat = dated

    def _date(self, sec, us=0):
        # Packets that were captured before the time was known wait in the queues.
        clock, st = self._agent.clock, self._ring.st
        if not clock.is_set and not st[_ZERO]:
            clock.tick()
            was, was_us = clock.now()
            for queue in self.queues:
                date_back(queue.ring, sec - was, us - was_us)
        self._set(sec, us)

    # As a guard: the record is complete.

    def stored(self, at, total):
        self._put(self.queues[0], at, total)
        self._put(self.queues[1], at, total)
        self._ring.pop()

    def _put(self, queue, at, total):
        to = self._room(queue, total)
        if to >= 0:
            _count(queue.ring.st, queue.ring.buf, to, total)
            total += at
            queue.mover.move(to, self._ring.buf, at, total)

    def _room(self, queue, total):
        self._describe(queue.ring.st, _METHOD, _STATE)
        at = _place(queue.ring.st, total + _SLACK)
        while at < 0:
            if not queue._room(at, total):
                break
            at = _place(queue.ring.st, total + _SLACK)
        return at

    def _describe(self, st, i, end):
        # What the scan found, for the queue's order of sacrifice; or the clock's.
        while i < end:
            st[i] = self._ring.st[i]
            i += 1

    # As the agent's.

    def poll(self):
        self._idle()
        return self._turn(self.queues[0]) + self._turn(self.queues[1])

    def _turn(self, queue):
        queue.enabled = self._agent.enabled
        return queue.poll()

    def stats(self):
        """Those of the first collector; of the second as copy_..., which balance alike."""
        front = self._stats()
        first = self._before(front, self.queues[0].stats())
        second = self._before(front, self.queues[1].stats())
        i = 0
        while i < len(self._names):
            key = self._names[i]
            first[key[1]] = second[key[0]]
            i += 1
        first["clock_set"] = front["clock_set"]
        return first

    def _before(self, front, d):
        # What was lost before it was copied, both have not got.
        i = 0
        while i < len(_BEFORE):
            d[_BEFORE[i]] += front[_BEFORE[i]]
            i += 1
        d["captured"] += front["dropped"]
        return d

    # As its link.

    @property
    def links(self):
        return [queue.link for queue in self.queues]

    @property
    def write(self):
        """Whether one of them is open."""
        return self.queues[0].link.write or self.queues[1].link.write

    @property
    def status(self):
        return " | ".join([link.status for link in self.links])

    errors = refused = opened = unconfirmed = 0  # see stats

    def open(self):
        return False

    def close(self):
        for queue in self.queues:
            queue.close()


def _place(st, n):
    # Where a record goes that needs n octets; -1: no room; -2: never. As the hot path has it.
    if n + _BEGIN > st[_SIZE]:
        return -2
    at = st[_HEAD]
    end = st[_SIZE]
    if not st[_COUNT]:
        st[_TAIL] = st[_AT] = at = _BEGIN
    elif at <= st[_TAIL]:
        end = st[_TAIL]
    elif at + n > end:
        end = st[_TAIL]
        if n + _BEGIN <= end:
            st[_END] = at
        at = _BEGIN
    return at if at + n <= end else -1


def _count(st, ring, at, total):
    if not st[_COUNT]:
        st[_LEFT] = total
    ring[at - 1] = st[_CLASS]
    st[_NUMBER + st[_CLASS]] += 1
    total = total + 7 & -4
    st[_HEAD] = at + total
    st[_USED] += total
    st[_PEAK_BYTES] = max(st[_PEAK_BYTES], st[_USED])
    st[_COUNT] += 1
    st[_PEAK_RECORDS] = max(st[_PEAK_RECORDS], st[_COUNT])
    st[_QUEUED] = (st[_QUEUED] + 1) & _WRAP
