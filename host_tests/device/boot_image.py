"""Boots a device from a file system image, as a board does: micropython ... IMAGE AT BLOCKS

Mounts the image's part of so many blocks of 4096 octets from AT on as the root, without anything
else to import from, and runs boot.py and main.py.
"""

import os
import sys

import vfs

BLOCK = 4096


class Flash:
    """The part of a file that is a file system's; what is written stays in memory."""

    def __init__(self, path, at, blocks):
        self.file = open(path, "rb")
        self.at = at
        self.blocks = blocks
        self.held = {}

    def block(self, number):
        if number not in self.held:
            self.file.seek(self.at + number * BLOCK)
            self.held[number] = bytearray(self.file.read(BLOCK))
        return self.held[number]

    def readblocks(self, number, buf, at=0):
        buf[:] = memoryview(self.block(number))[at : at + len(buf)]

    def writeblocks(self, number, buf, at=0):
        memoryview(self.block(number))[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        return 0


vfs.mount(vfs.VfsLfs2(Flash(sys.argv[1], int(sys.argv[2], 0), int(sys.argv[3]))), "/board")
os.chdir("/board")
print("statvfs", os.statvfs("/board")[:4])
sys.path[:] = ["", ".frozen", "/board/lib"]
for name in "boot.py", "main.py":
    with open(name) as file:
        exec(file.read(), {"__name__": "__main__"})
print("path", sys.path[0])
print("from", sys.modules["start"].__file__, sys.modules["uhep.agent"].__file__)
