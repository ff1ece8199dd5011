# Part of uhep, MIT licence.
"""What becomes of packets while nothing leaves: ring to spool, and later spool to collector."""

from uhep.link import caught
from uhep.port import const, ticks_add, ticks_diff, ticks_ms
from uhep.spool import Spool

_TAIL = const(1)
_AT = const(4)
_LEFT = const(5)
_USED = const(6)
_SIZE = const(7)
_ZERO = const(24)

_LOST = ("spool_lost_0", "spool_lost_1", "spool_lost_2", "spool_lost_3")


class Outage:
    """Stands between the agent's `poll` and its link. `capture` never comes here.

    Nothing leaves and the ring is more than half full: the oldest records move to the spool,
    down to that half, with at most one block written in a poll, or are dropped, if it does not
    want them. The link is back: spooled
    records go first, in order and `per_s` a second at most, and the ring waits, unless it is
    more than half full: then live packets go between. No record is cut by another one.

    Memory: a spool and its block. Sending allocates nothing; moving a record to the spool
    takes its length for a moment, reading or writing a block what the file system takes.
    """

    def __init__(self, agent, config):
        """Take over what `agent` does when it is idle, when its link changes, and for stats."""
        self.spool = agent.spool = Spool(config["spool"]["path"], config["spool"]["blocks"])
        self._gap_ms = 1000 // config["spool_per_s"]
        self._agent = agent
        self._ring = agent.ring
        self._mark = agent.ring.st[_SIZE] // 2
        self._link = None  # the link's write
        self._blocked = False  # it took nothing: a live record has to find out when it does
        self._due = 0
        self._at = self._left = 0  # of a spooled record: next octet to send, octets yet to send
        self._cut = None  # spool.passed when one was cut
        self._before = (agent._idle, agent._linked, agent.stats, agent._failed)
        agent._failed = self.failed
        agent._idle = self.idle
        agent._linked = self.linked
        agent.stats = self.stats

    def linked(self):
        """The link has opened or closed: what is half sent begins again."""
        agent = self._agent
        self._before[1]()
        st, ring, self._link = agent._out
        if self._link:
            agent._out = (st, ring, self.write)
        if self._left and self._at != self.spool.at:
            self._half()
        self._left = 0
        self._blocked = False
        self._due = ticks_ms()

    def failed(self, e):
        """A write raised `e`. A link that stays open has taken nothing by that."""
        self._before[3](e)
        if self._link:
            self._stuck()
            if not self._left:
                self._save()

    def idle(self):
        """In a poll without a link, or with an empty ring."""
        self._before[0]()
        if not self._link:
            if self._agent.clock.is_set or self._ring.st[_ZERO]:  # else not dated yet
                self._save()
        elif self.spool.waiting:
            with caught:
                return self._replay()
            self._agent._failed(caught.error)

    def write(self, buf, at, n):
        """As a link's: sends n octets of the ring; None: not now. May raise OSError."""
        st = self._ring.st
        if at == st[_TAIL] and self.spool.waiting and (self._left or not self._blocked):
            self._replay()
            if self._left or self.spool.waiting and st[_USED] <= self._mark:
                return None
        n = self._link(buf, at, n)
        self._blocked = not n
        if not n:
            self._save()
        return n

    def stats(self):
        """The agent's counters and the spool's; see Spool.

        sent: from the ring alone, so that queued = sent + dropped_oldest + waiting + spooled.
        """
        d = self._before[2]()
        s = self.spool
        d["sent"] -= s.spooled
        d["spooled"] = s.spooled
        d["spool_found"] = s.found
        d["spool_sent"] = s.sent
        d["spool_lost"] = s.lost
        i = 0
        while i < 4:
            d[_LOST[i]] = s.lost_by[i]
            i += 1
        d["spool_bad"] = s.bad
        d["spool_waiting"] = s.waiting
        d["spool_status"] = s.status
        return d

    def _replay(self):
        s = self.spool
        if not self._left:
            if -self._gap_ms <= ticks_diff(ticks_ms(), self._due) < 0:
                return
            self._left = s.ready()
            self._at = s.at
            if not self._left:
                return
        n = self._link(s.buf, self._at, self._left)
        if not n:
            self._stuck()
            return
        self._blocked = False
        self._at += n
        self._left -= n
        if not self._left:
            s.done()
            self._due = ticks_add(ticks_ms(), self._gap_ms)

    def _stuck(self):
        self._blocked = True
        if self._at == self.spool.at:  # not begun
            self._left = 0

    def _half(self):
        # A spooled record was cut: once more, but lest it keeps all others back, no more.
        s = self.spool
        if self._cut == s.passed:
            s.done(1)
        else:
            self._cut = s.passed

    def _save(self):
        # A record that is half on the wire stays.
        ring = self._ring
        st = ring.st
        seq = self.spool.seq
        while st[_USED] > self._mark and st[_AT] == st[_TAIL] and self.spool.seq == seq:
            if not self._move():
                break

    def _move(self):
        # The oldest record; None: there is no memory for that now.
        with caught:
            return self._moved(self._ring)

    def _moved(self, ring):
        # False: it stays.
        st = ring.st
        kind = ring.buf[st[_TAIL] - 1]
        if not self.spool.wants(kind):
            ring.drop(st[_TAIL])
        elif self.spool.put(ring.buf, st[_TAIL], st[_LEFT], kind):
            ring.pop()
        else:
            return False
        return True
