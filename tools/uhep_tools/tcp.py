"""One direction of a captured TCP connection, put in order and cut into HEP frames."""

from collections.abc import Iterator

from uhep_tools.faults import HepError
from uhep_tools.frame import MAGIC
from uhep_tools.record import Record
from uhep_tools.stream import FramingError, StreamReader

_HALF = 1 << 31
_MASK = (1 << 32) - 1
_EARLY = 4 << 20  # octets behind a hole that are kept, in the hope that it is filled


class Direction:
    """Segments in, records out. A direction that does not begin with HEP3 gives none."""

    def __init__(self, peer: str):
        self.peer = peer
        self._reader: StreamReader | None = StreamReader()  # None: no HEP, or no more
        self._begin = b""  # until there is enough to tell whether it is HEP
        self._next: int | None = None  # sequence number of the octet that is due
        self._early: dict[int, bytes] = {}

    def segment(self, seq: int, data: bytes, where: str, stamp_us: int) -> Iterator[Record]:
        """Take a segment; yield what is complete now. seq: number of its first octet."""
        seq &= _MASK
        if self._next is None:
            self._next = seq
        if not data or not self._reader:
            return
        self._early[seq] = max(self._early.get(seq, b""), data, key=len)
        if sum(map(len, self._early.values())) > _EARLY:
            yield from self.end()
            return
        in_order = b"".join(self._in_order())
        if self._begin != MAGIC:
            in_order = self._begin + in_order
            self._begin = in_order[: len(MAGIC)]
            if not MAGIC.startswith(self._begin):
                self._reader = None
                return
            if len(self._begin) < len(MAGIC):
                return
        try:
            frames, error = self._reader.feed(in_order), None
        except FramingError as lost:
            frames, error = lost.frames, lost
            self._reader = None
        for frame in frames:
            yield Record(frame, where, stamp_us, self.peer)
        if error:
            yield Record(b"", where, stamp_us, self.peer, error)

    def end(self) -> Iterator[Record]:
        """The connection or the capture ended: yield an error if that was amid a frame."""
        reader, self._reader = self._reader, None
        if reader and self._begin == MAGIC and (reader.pending or self._early):
            hole = "; later octets are there, but some before them are not" if self._early else ""
            text = f"the captured stream ends {reader.pending} octets into a packet{hole}"
            error = HepError("total-length", 4, text)
            yield Record(b"", f"stream from {self.peer}", None, self.peer, error)
        self._early.clear()

    def _in_order(self) -> Iterator[bytes]:
        """Take out of _early what joins on; octets that came before are cut away."""
        while True:
            known = [seq for seq in self._early if (self._next - seq) & _MASK < _HALF]
            if not known:
                return
            seq = known[0]
            data = self._early.pop(seq)[(self._next - seq) & _MASK :]
            self._next = (self._next + len(data)) & _MASK
            yield data
