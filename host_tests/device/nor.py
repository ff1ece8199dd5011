"""NOR flash that loses its power in the middle of a write, for littlefs."""

SIZE = 4096  # of an erase block, as on an ESP32
_ERASED = b"\xff" * SIZE
_ERASED_VIEW = memoryview(_ERASED)


class Nor:
    """Flash of `blocks` blocks. power: octets until it goes, mid-write; from then on it is dead.

    Returns errors as numbers and allocates nothing when dead: littlefs may be told to close a
    file by the garbage collector.
    """

    def __init__(self, data=None, blocks=48):
        self.data = data or bytearray(_ERASED * blocks)
        self._view = memoryview(self.data)
        self.power = -1
        self.dead = False
        self.programmed = self.erased = 0
        self.used = 0  # octets, of both

    def readblocks(self, block, buf, at):
        if self.dead:
            return -5
        at += block * SIZE
        buf[:] = self._view[at : at + len(buf)]

    def writeblocks(self, block, buf, at):
        if self.dead:
            return -5
        at += block * SIZE
        n = self._powered(len(buf))
        self._view[at : at + n] = memoryview(buf)[:n]
        self.programmed += n
        return -5 if self.dead else 0

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // SIZE
        if op == 5:
            return SIZE
        if op == 6:
            if self.dead:
                return -5
            n = self._powered(SIZE)
            self._view[arg * SIZE : arg * SIZE + n] = _ERASED_VIEW[:n]
            self.erased += 1
            return -5 if self.dead else 0
        return 0

    def _powered(self, n):
        if self.power >= 0:
            if n >= self.power:
                n = self.power
                self.dead = True
            self.power -= n
        self.used += n
        return n
