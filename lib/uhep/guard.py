# Part of uhep, MIT licence.
"""What may stand between the scan and the ring. Imported only by what needs it."""


class Guard:
    """Sees each packet before and after it is stored; this one lets everything pass.

    Several stand one behind the other: the one that was made last is asked first. A guard
    calls Guard.admit or Guard.stored to hand on. Neither may allocate or raise.

    It reads what the scan found in the state array (see uhep.ring), and the correlation id
    in agent._source. Frames: in bytecode five arguments leave room for one call and no local.
    """

    def __init__(self, agent):
        self._next = agent._guard
        agent._guard = self
        agent._extra = True

    def admit(self, flow, way, buf, n):
        """False: the packet is not captured, and the guard has counted it.

        buf, n: the payload. Nothing is copied yet, and the ring may have no room for it.
        """
        return self._next is None or self._next.admit(flow, way, buf, n)

    def stored(self, at, total):
        """The record of `total` octets at ring.buf[at] is complete, and may be changed there."""
        if self._next is not None:
            self._next.stored(at, total)
