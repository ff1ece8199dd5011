# Part of uhep, MIT licence.
"""Copies from the middle of one buffer into the middle of another, without a slice."""

from struct import pack_into

from uhep.port import const

try:
    from micropython import RingIO
except ImportError:
    RingIO = None

SLACK = const(256)


class Mover:
    """Moves octets into the buffer `to`, which has SLACK octets to spare at its end.

    A slice of the source would be an object, and a slice store into `to` would move all that
    stands behind it; a ring buffer takes octets from the middle of a source, and `pack_into`
    puts them anywhere. Memory: 512 octets, made in the constructor.
    """

    def __init__(self, to):
        self._to = to
        if RingIO:
            self._ring = RingIO(SLACK)
            self._step = bytearray(SLACK)

    def move(self, at, src, i, n):
        """src[i:n] goes to to[at:]; up to SLACK octets behind that are overwritten too."""
        while i < n:
            k = n - i
            if k > SLACK:
                k = SLACK
            self._ring.write(src, i, k)
            self._ring.readinto(self._step)
            pack_into("256s", self._to, at, self._step)
            i += k
            at += k

    if not RingIO:
        from uhep.host import move
