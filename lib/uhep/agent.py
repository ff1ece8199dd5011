# Part of uhep, MIT licence.
"""The capture agent: flows in, HEP packets out."""

import sys

from uhep import SIP, TLS, UDP, hot
from uhep.clock import Clock
from uhep.flow import Flow, chunk
from uhep.link import UdpLink, split
from uhep.ring import SendRing
from uhep.ticks import ticks_diff, ticks_ms, ticks_us

_CLOCK_MS = 1000  # how often to look whether somebody has set the time


class Agent:
    """Captures packets of a SIP device and sends them to a HEP collector.

    Memory: everything is made in the constructor and by `flow`; `capture`, `poll` and
    `stats` allocate nothing. Neither `capture` nor `poll` raises for what the network does:
    what could not be sent stays queued, what was lost is counted (see `stats`).

    `enabled` may be switched at run time. `channel`: with `uuid_type` "channel", the
    correlation id of all packets while it is not None (bytes).
    """

    def __init__(self, config, ticks=ticks_us, link=None):
        """config: a dict as of hep.json, or that file's path (no file: disabled).

        Raises ConfigError naming the key. ticks, link: for tests and other hardware.
        """
        self._c = c = _complete(config)
        self.enabled = c["enabled"]
        self.ring = ring = SendRing(c["queue_bytes"], c["max_packet"], c["drop"] == "oldest")
        self.clock = Clock(ring, ticks, c["before_time"] == "zero")
        if link is None:
            link = UdpLink([split(a) for a in c["capture_address"]])
        self.link = link
        self.ticks = ticks
        self.node = c["capture_id"]
        self.flows = c["flows"]
        self.tail = b""
        if c["capture_password"]:
            self.tail += chunk(14, c["capture_password"].encode())
        if c["capture_name"]:
            self.tail += chunk(19, c["capture_name"].encode())
        self._st = ring.st
        self._ring = ring.buf
        self._formats = ring.formats
        self._out = (ring.st, ring.buf, None)
        self._cid = None
        self._asked = ticks_ms()
        self.clock.sync()
        self._stats = {}
        self.stats()

    capture = hot.capture
    poll = hot.poll

    def flow(self, local, remote, proto=UDP, kind=SIP, **extra):
        """A Flow between (host, port) here and there; hosts are numeric or 4/16 octets.

        extra: mos (x100), r_factor, jitter, vlan, group: chunks that its packets carry,
        changed by Flow.put. Allocates: make it once for each peer.
        """
        if proto == TLS:
            proto = self._c["tls_proto"]
        return Flow(self, local, remote, proto, kind, **extra)

    @property
    def channel(self):
        return self._cid

    @channel.setter
    def channel(self, name):
        if self._c["uuid_type"] == "channel":
            self._cid = name

    def stats(self):
        """Counters as a dict, which is made once and filled again on each call.

        captured = queued + dropped_newest + too_big + empty, and
        queued = sent + dropped_oldest + waiting.
        """
        d, st, link = self._stats, self._st, self.link
        d["queued"] = st[14]
        d["dropped_oldest"] = st[20]
        d["dropped_newest"] = st[21]
        d["too_big"] = st[22]
        d["empty"] = st[23]
        d["captured"] = st[14] + st[21] + st[22] + st[23]
        d["dropped"] = st[20] + st[21] + st[22] + st[23]
        d["waiting"] = st[3]
        d["waiting_bytes"] = st[6]
        d["sent"] = st[14] - st[20] - st[3]
        d["truncated"] = st[13]
        d["high_water_bytes"] = st[11]
        d["high_water_records"] = st[12]
        d["errors"] = link.errors
        d["refused"] = link.refused
        d["connects"] = link.opened
        d["clock_set"] = self.clock.is_set
        return d

    def close(self):
        """Stop capturing and close the socket. What is still queued stays so."""
        self.enabled = False
        self.link.close()
        self._linked()

    # What the hot path calls when there is something out of the ordinary.

    def _room(self, why, n):
        # A packet of n octets did not fit (-1), or never will (-2): True if it may now.
        if why == -1 and self.ring.evict():
            return True
        self._st[21 if why == -1 else 22 if n > 0 else 23] += 1
        return False

    def _linked(self):
        self._out = (self._st, self._ring, self.link.write)

    def _failed(self, e):
        self.link.failed(e)
        self._linked()

    def _idle(self):
        # poll has nothing to send, or no link: look after the clock and the link.
        if not self.clock.is_set:
            if ticks_diff(ticks_ms(), self._asked) >= _CLOCK_MS:
                self._asked = ticks_ms()
                self.clock.sync()
            if not self.clock.is_set and not self._st[19]:
                return  # packets are held until they can be dated
        if self._out[2] is None and self.enabled and self.link.open():
            self._linked()


def _complete(config):
    # Validation is needed once: its code goes again, unless somebody else has it loaded.
    loaded = "uhep.config" in sys.modules
    from uhep import config as module

    try:
        return module.load(config) if isinstance(config, str) else module.validate(config)
    finally:
        if not loaded and sys.implementation.name == "micropython":
            del sys.modules["uhep.config"]
            del sys.modules["uhep"].config
