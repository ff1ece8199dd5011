"""Cut HEP v3 frames out of a TCP or TLS stream."""

import time
from collections.abc import Callable

from uhep_tools.faults import HepError
from uhep_tools.frame import HEADER, MAGIC, check_magic, frame_length


class FramingError(HepError):
    """The stream is lost. frames: the whole frames of the same read that came before."""

    def __init__(self, cause: HepError, frames: list[bytes]):
        super().__init__(cause.name, cause.offset, cause.sentence)
        self.frames = frames


class StreamReader:
    """The receiving end of one connection.

    Memory: one buffer of at most limit octets between calls, plus the octets of the read that
    is fed. After a framing fault the reader is dead, for there is no way to find the next frame:
    the octets of a payload may look like one. Close the connection then.
    """

    def __init__(self, limit: int = 65535, clock: Callable[[], float] = time.monotonic):
        """limit: octets of the longest frame. clock: seconds, for `since`."""
        self.limit = limit
        self.since: float | None = None  # when the unfinished frame's first octet came, or None
        self.error: HepError | None = None
        self._clock = clock
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Octets of the unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what a read gave; return the whole frames that are complete now.

        Raises FramingError (a HepError: magic and its kin, total-length, frame-limit), whose
        `frames` are the good ones before it; every later call raises it again without them.
        """
        if self.error:
            raise FramingError(self.error, [])
        buffer = self._buffer
        buffer += data
        frames: list[bytes] = []
        start = 0
        try:
            while end := self._frame_end(start):
                frames.append(bytes(buffer[start:end]))
                start = end
        except HepError as error:
            self.error = error
            self.since = None
            buffer.clear()
            raise FramingError(error, frames) from None
        del buffer[:start]
        if not buffer:
            self.since = None
        elif start or self.since is None:
            self.since = self._clock()
        return frames

    def _frame_end(self, start: int) -> int:
        """Where the frame at start ends in the buffer; 0 if it is not whole yet."""
        head = bytes(self._buffer[start : start + HEADER])
        if len(head) >= len(MAGIC):
            check_magic(head)
        if len(head) < HEADER:
            return 0
        total = frame_length(head)
        if total > self.limit:
            raise HepError("frame-limit", 4, f"frame of {total} octets; {self.limit} are allowed")
        end = start + total
        return end if end <= len(self._buffer) else 0
