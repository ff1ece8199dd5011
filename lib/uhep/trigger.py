# Part of uhep, MIT licence.
"""Send nothing until a call fails or somebody asks; then what was before, and what follows."""

from uhep.guard import Guard
from uhep.port import const, ticks_add, ticks_diff, ticks_ms

_TAIL = const(1)
_COUNT = const(3)
_AT = const(4)
_FOUND = const(10)
_HI = const(20)
_LO = const(21)
_ZERO = const(24)
_METHOD = const(25)
_STATUS = const(26)
_IDS = const(28)

_INVITE = const(1)
_ACK = const(2)
_BYE = const(3)
_NO_FAILURE = (401, 407, 486, 487)

_CALLS = const(4)  # whose ACK is waited for
_OCTETS = const(32)  # of a Call-ID that are kept; with its length that names a call
_ACK_MS = const(32000)  # 64 times T1, RFC 3261 13.3.1.4
_LOOK_MS = const(200)


class Trigger(Guard):
    """Keeps the packets of the last `trigger_s` in the ring until something fires.

    What fires: a final response to an INVITE of 400 and above but 401, 407, 486 and 487; no
    ACK 32 s after a final response; `agent.trigger_mos` with less than `trigger_mos`; and
    `agent.trigger`. From then on all goes as it would without this, for `trigger_after_s`, or
    until a BYE of the call that fired is answered. What is in the ring then still goes.

    armed: nothing is sent. fired: how often it was. expired: packets that were there for
    longer, and went unsent. What the ring had no room for before is dropped, and counted so.

    Memory: 400 octets, made here; a packet allocates nothing.
    """

    def __init__(self, agent, config, ticks=ticks_ms):
        """Stands before `poll` and `stats` of `agent`, and the `_linked` of its queues."""
        super().__init__(agent)
        self.armed = True
        self.fired = 0
        self._agent = agent
        self._st = agent.ring.st
        self._ticks = ticks
        self._after_ms = config["trigger_after_s"] * 1000
        self._mos = config["trigger_mos"]
        self._watched = [Name() for _ in range(_CALLS)]
        self._call = Name()  # that fired
        self._due = self._until = ticks()
        queues = getattr(agent, "queues", None)  # see Copy
        self.gates = [Gate(self, queue, config) for queue in queues or [agent]]
        if queues:
            agent.link.second("expired")
        self._before = (agent.poll, agent.stats)
        agent.poll = self.poll
        agent.stats = self.stats
        agent.trigger = self.fire
        agent.trigger_mos = self.mos

    def fire(self, why=b"trigger", call=None):
        """Send from now on. why: one word for the status line; call: its Call-ID, bytes."""
        self._call.size = 0
        if call:
            self._call.keep(call, 0, len(call))
        self._begin(why)

    def mos(self, value, call=None):
        """A call's MOS x100, of whoever measures it: fires below `trigger_mos`."""
        if value < self._mos:
            self.fire(b"mos", call)

    def admit(self, flow, way, buf, n):
        """Looks at the packet, and lets it pass."""
        if self._st[_METHOD] and self._st[_METHOD] <= _BYE:
            self._look(self._st)
        return self._next is None or self._next.admit(flow, way, buf, n)

    def poll(self):
        """As the agent's."""
        n = self._before[0]()
        if ticks_diff(self._ticks(), self._due) >= 0:
            self._turn(self._ticks())
        return n

    def stats(self):
        """The agent's counters, `expired` and `triggers`."""
        d = self._before[1]()
        d["triggers"] = self.fired
        return d

    def _look(self, st):
        method = st[_METHOD]
        if method == _ACK:
            self._acknowledged()
        elif st[_STATUS] >= 200:
            if method == _BYE:
                if not self.armed and self._is(self._call):
                    self._until = self._ticks()
            elif st[_STATUS] >= 400 and st[_STATUS] not in _NO_FAILURE:
                self._keep(self._call)
                self._begin(b"failed")
            else:
                self._watch(0)

    def _is(self, name):
        return name.match(self._agent._source, self._st[_FOUND], self._st[_IDS])

    def _keep(self, name):
        name.keep(self._agent._source, self._st[_FOUND], self._st[_IDS])

    def _watch(self, i):
        # In the place of the same call, of none, or of the one that waits longest.
        best = self._watched[0]
        while i < _CALLS:
            name = self._watched[i]
            if self._is(name):
                return
            if best.size and (not name.size or ticks_diff(name.since, best.since) < 0):
                best = name
            i += 1
        self._keep(best)
        best.since = self._ticks()

    def _acknowledged(self):
        i = 0
        while i < _CALLS:
            if self._is(self._watched[i]):
                self._watched[i].size = 0
            i += 1

    def _begin(self, why):
        self.armed = False
        self.fired += 1
        self._until = ticks_add(self._ticks(), self._after_ms)
        status = getattr(self._agent, "status", None)
        if status:
            status.ask(why)

    def _turn(self, now):
        self._due = ticks_add(now, _LOOK_MS)
        i = 0
        while i < _CALLS:
            name = self._watched[i]
            if name.size and ticks_diff(now, name.since) >= _ACK_MS:
                self._lost(name)
            i += 1
        i = not self.armed and ticks_diff(now, self._until) >= 0
        self._gate(self.gates[0], i)
        if len(self.gates) > 1:
            self._gate(self.gates[1], i)
        if i:
            self.armed = True

    def _gate(self, gate, arm):
        if arm:
            gate.arm()
        elif self.armed:
            gate.expire()

    def _lost(self, name):
        self._call.copy(name)
        name.size = 0
        self._begin(b"no_ack")


class Gate:
    """Stands before the link of one queue."""

    def __init__(self, trigger, queue, config):
        self.expired = 0
        self._trigger = trigger
        self._queue = queue
        self._ring = queue.ring
        self._clock = queue.clock
        self._keep_s = config["trigger_s"]
        self._since = trigger._ticks()
        self._left = 0  # packets that still go although it is armed
        self._write = None
        self._before = (queue._linked, queue.stats)
        queue._linked = self.linked
        queue.stats = self.stats

    def linked(self):
        self._before[0]()
        st, ring, self._write = self._queue._out
        if self._write:
            self._queue._out = (st, ring, self.write)

    def stats(self):
        d = self._before[1]()
        d["sent"] -= self.expired
        d["expired"] = self.expired
        return d

    def write(self, buf, at, n):
        """As a link's. A packet that is half on the wire goes on."""
        if self._trigger.armed and not self._left and at == self._ring.st[_TAIL]:
            self._queue._idle()
            return None
        at = self._write(buf, at, n)
        if at == n and self._left:
            self._left -= 1
        return at

    def arm(self):
        self._left = self._ring.st[_COUNT]

    def expire(self):
        """Be done with packets that are too old, four at the most."""
        st = self._ring.st
        n = 4
        while n and st[_COUNT] and not self._left and st[_AT] == st[_TAIL] and self._old(st):
            self._ring.pop()
            self.expired += 1
            n -= 1

    def _old(self, st):
        # Whether the oldest packet is; a clock that was set back makes none old.
        hi = self._half(st[_TAIL] + 42)
        lo = self._half(st[_TAIL] + 44)
        if not hi and not lo:
            return self._undated()
        hi = self._clock._ring.st[_HI] - hi
        if hi > 1 or hi < 0:
            return hi > 1
        hi <<= 16
        return hi + self._clock._ring.st[_LO] - lo > self._keep_s

    def _undated(self):
        # A packet of 0/0 (see before_time) is as old as the time is known.
        if self._clock._ring.st[_ZERO]:
            self._since = self._trigger._ticks()
        return ticks_diff(self._trigger._ticks(), self._since) > self._keep_s * 1000

    def _half(self, at):
        return self._ring.buf[at] << 8 | self._ring.buf[at + 1]


class Name:
    """A Call-ID, or as much of it as it takes; `size` 0: none."""

    def __init__(self):
        self.octets = bytearray(_OCTETS)
        self.size = 0
        self.since = 0

    def keep(self, buf, at, n):
        self.size = n
        n = min(n, _OCTETS)
        while n:
            n -= 1
            self.octets[n] = buf[at + n]

    def match(self, buf, at, n):
        """Whether buf[at : at + n] is it."""
        if not n or n != self.size:
            return False
        n = min(n, _OCTETS)
        while n:
            n -= 1
            if self.octets[n] != buf[at + n]:
                return False
        return True

    def copy(self, other):
        self.keep(other.octets, 0, min(other.size, _OCTETS))
        self.size = other.size
