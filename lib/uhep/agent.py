# Part of uhep, MIT licence.
"""The capture agent: flows in, HEP packets out."""

import sys

from uhep.flow import Flow
from uhep.port import const, ticks_diff, ticks_ms, ticks_us

# The hot path: machine code where the interpreter can make it, else bytecode (CPython, no
# native emitter, .mpy for another chip, no memory for it).
try:
    from uhep._native import begins, capture, poll, slide
except Exception:
    from uhep._plain import begins, capture, poll, slide

# As uhep has them.
_SIP = const(1)
_UDP = const(17)
_TLS = const(22)

_CLOCK_MS = const(1000)  # how often to look whether somebody has set the time


class Agent:
    """Captures packets of a SIP device and sends them to a HEP collector.

    Memory: everything is made in the constructor and by `flow`; `capture`, `poll` and
    `stats` allocate nothing. Neither `capture` nor `poll` raises for what the network does:
    what could not be sent stays queued, what was lost is counted (see `stats`).

    capture(flow, way, buf, n, cid=None): True: queued; False: dropped, and counted. None: no
    SIP, on a flow that takes no other (see uhep.flow).

    enabled: may be switched at run time; off costs one test per capture.
    """

    options = None  # the whole configuration, where there is more in it than one UDP agent needs

    def __init__(self, config, ticks=ticks_us, link=None):
        """config: a dict as of hep.json, or that file's path (no file: disabled).

        Raises ConfigError naming the key. ticks, link: for tests and other hardware.
        """
        # All that it has, `build` gives it. Needed once, that goes again with the validation,
        # unless somebody else uses it.
        used = "uhep.config" in sys.modules
        from uhep.config import build

        build(self, config, ticks, link, slide, used)

    capture = capture
    poll = poll
    _begins = begins  # for taps

    def flow(self, local, remote, proto=_UDP, kind=_SIP, chunks=(), mode=None):
        """A Flow between (host, port) here and there; hosts are numeric or 4/16 octets.

        chunks: {type: value} to add to its packets, changed by Flow.put; mode: which packets
        are its, and their class. See uhep.flow for both.
        Allocates: make one for each peer and keep it. Raises ValueError for what does not
        fit its field. A kind that the profile's collector does not take is never queued.
        """
        return Flow(self, local, remote, self._tls if proto == _TLS else proto, kind, chunks, mode)

    def channel(self, name):
        """With uuid_type "channel": the correlation id (bytes) of all packets; None: Call-IDs."""
        if self._by_channel:
            self._cid = name
            self._extra = True

    def stats(self):
        """Counters as a dict, which the first call makes and each fills again.

        captured = queued + dropped_newest + too_big + empty + unwanted, and
        queued = sent + dropped_oldest + waiting. What was lost stands there by class too:
        dropped_oldest_0 to _3 and so on, see uhep.ring.
        """
        if not self._fill:
            from uhep.stats import Stats

            self._fill = Stats(self).fill
        return self._fill()

    def close(self):
        """Stop capturing and close the socket. What is still queued stays so."""
        self.enabled = False
        self.link.close()
        self._linked()

    # What the hot path calls when something is out of the ordinary.

    def _room(self, why, n):
        # A packet of n octets did not fit (-1), never will (-2), or is not wanted (-3): True
        # if it may now.
        if why == -1 and self.ring.evict():
            return True
        st = self._st
        st[19 if n <= 0 else 15 - why] += 1
        if n > 0 and why > -3:
            st[35 - 4 * why + st[27]] += 1
        return False

    def _linked(self):
        self._out = (self._st, self._ring, self.link.write)

    def _failed(self, e):
        self.link.failed(e)
        if not self.link.write:
            self._linked()

    def _idle(self):
        # poll has nothing to send, or no link: look after the clock and the link.
        if not self.clock.is_set:
            if ticks_diff(ticks_ms(), self._asked) >= _CLOCK_MS:
                self._asked = ticks_ms()
                self.clock.sync()
            if not self.clock.is_set and not self._st[24]:
                return  # packets are held until they can be dated
        if not self._out[2] and self.enabled and self.link.open():
            self._linked()
