"""The sound of two telephones by one microphone port and one speaker port: left and right."""

import sys

from i2s import Buffered, ports

if sys.implementation.name == "micropython":
    try:
        from _pairs import join, split
    except (ImportError, SyntaxError, ValueError, MemoryError):  # no machine code here
        from pairs import join, split
else:
    from pairs import join, split

# As in i2s.py, in pieces of 32 samples for each side.
_PIECE = 64
_PIECES = 5
_IN = 4096  # octets of DMA: two buffers of 256 pairs of samples, each 8 octets on the wire
_OUT = 2048


class Stereo:
    """`machine` and `pins` as for i2s.I2S. `sides` are the two ends of sound, left and right;
    whoever polls one of them polls both.

    Memory: 16 frames; poll() allocates nothing.
    """

    def __init__(self, machine, pins):
        self._in, self._out = ports(machine, pins, machine.I2S.STEREO, _IN, _OUT)
        self._both = bytearray(2 * _PIECE)
        self.sides = [_Side(self), _Side(self)]

    @property
    def clocked(self):
        return self._in is not None

    def poll(self):
        """Moves what can be moved between DMA and the frames of both."""
        if self._in:
            self._listen()
        if self._out:
            self._speak()

    def _listen(self):
        left, right = self.sides
        for _ in range(_PIECES):
            if not self._in.readinto(self._both):
                return
            split(self._both, left.heard.room(), right.heard.room())
            left.filled()
            right.filled()

    def _speak(self):
        for _ in range(_PIECES):
            if not self._put(self.sides[0].said, self.sides[1].said):
                return

    def _put(self, left, right):
        # One piece of both, silence for the one that has none.
        one, other = left.piece(), right.piece()
        if one is None and other is None:
            return False
        join(_QUIET if one is None else one, _QUIET if other is None else other, self._both)
        if not self._out.write(self._both):
            return False
        if one is not None:
            left.emptied()
        if other is not None:
            right.emptied()
        return True


class _Side(Buffered):
    def __init__(self, both):
        super().__init__()
        self.clocked = both.clocked
        self.poll = both.poll


def side(machine, pins, index):
    """The sound of a telephone; the ports are opened for the first and shared."""
    global _stereo
    if not index or not _stereo:
        _stereo = Stereo(machine, pins)
    return _stereo.sides[index]


_QUIET = bytes(_PIECE)
_stereo = None
