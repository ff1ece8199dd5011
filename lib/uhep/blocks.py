# Part of uhep, MIT licence.
"""Blocks of records in flash, each a file of its own: path.0, path.1 and so on.

Not one large file, because littlefs copies: changing a block within it writes all that stands
behind it anew, changing a small file writes that file. A block is:

    0   4  "uhS2"
    4   4  CRC-32 of all from octet 8 to the end of the records
    8   4  sequence number
   12   2  where the records end
   14   2  number of records
   16      records: whole HEP packets, one behind the other; instead of its "H" the class
"""

import os
from binascii import crc32
from struct import pack_into, unpack_from

from uhep.port import const

_HEADER = const(16)
_MAGIC = b"uhS2"
_FAULTS = (OSError, MemoryError)  # opening a file takes memory
_ERRORS = {2: "ENOENT", 12: "ENOMEM", 28: "ENOSPC", 30: "EROFS"}  # not in every port's errno


class Blocks:
    """Reads and writes the block in `buf`; raises no OSError and no MemoryError.

    status: "ok"; once something could not be written, "off:ENOENT" (no such folder), "off:ENOSPC",
    "off:EROFS", "off:ENOMEM", or "off:" and another errno, and it stays that.
    bad: blocks that were cut, changed, not ours, or unreadable.
    """

    def __init__(self, path, buf):
        """path: of the files, without number. buf: a block, its header included."""
        self.path = path + "."
        self.buf = buf
        self.status = "ok"
        self.bad = 0

    def slots(self):
        """The numbers of the files that are there, of blocks or of anything else."""
        folder, slash, name = self.path.rpartition("/")
        found = []
        try:
            for file in os.listdir(folder or slash or "."):
                slot = file[len(name) :]
                if file.startswith(name) and slot.isdigit() and slot == str(int(slot)):
                    found.append(int(slot))
        except _FAULTS as e:
            self._off(e)
        return found

    def write(self, slot, seq, end, n):
        """Write n records that end at `end`. False: it could not be, and no file is left."""
        pack_into(">4sIIHH", self.buf, 0, _MAGIC, 0, seq, end, n)
        pack_into(">I", self.buf, 4, self._crc(end))
        try:
            with open(self.path + str(slot), "wb") as f:
                f.write(self.buf)
        except _FAULTS as e:
            self._off(e)
            self.remove(slot)
            return False
        return True

    def read(self, slot):
        """Read a block: (sequence number, end of its records). None: it is bad.

        It is removed then, but for one that can not be read: the next run may be able to.
        """
        try:
            with open(self.path + str(slot), "rb") as f:
                n = f.readinto(self.buf)
        except _FAULTS:
            self.bad += 1
            return None
        magic, crc, seq, end, _ = unpack_from(">4sIIHH", self.buf)
        if magic == _MAGIC and _HEADER < end <= n and crc == self._crc(end):
            return seq, end
        self.bad += 1
        self.remove(slot)

    def remove(self, slot):
        """Remove the file of a block."""
        try:
            os.remove(self.path + str(slot))
        except _FAULTS as e:
            self._off(e)

    def _crc(self, end):
        return crc32(memoryview(self.buf)[8:end])

    def _off(self, e):
        if self.status == "ok":
            code = e.args[0] if isinstance(e, OSError) and e.args else 12
            self.status = "off:" + _ERRORS.get(code, str(code))
