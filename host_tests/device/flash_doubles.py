"""A file system that stands in for a spool's: it can be full, read-only, or lose its power."""

import errno

from uhep import blocks, outage


class PowerCut(Exception):
    """The device is off from here on."""


class Milliseconds:
    """Stands in for the spool's clock: `with Milliseconds() as ms: ms.now += 20`."""

    def __init__(self, now=1000):
        self.now = now

    def __enter__(self):
        self._before = outage.ticks_ms
        outage.ticks_ms = lambda: self.now
        return self

    def __exit__(self, *_):
        outage.ticks_ms = self._before


class Flash:
    """Files in memory. Use as `with Flash() as flash:`; uhep.blocks works on it meanwhile.

    atomic: a file changes when it is closed, as on littlefs; else with each octet, as on FAT.
    power: octets that may still be written before the power goes; None: no limit.
    fault, on: the errno that `on` ("open", "write", "close", "read", "remove", "list") raises.
    written: octets that were written, for all files. log: (what, name) of each change.
    """

    def __init__(self, atomic=False):
        self.files = {}
        self.atomic = atomic
        self.power = None
        self.fault = 0
        self.on = ()
        self.written = 0
        self.log = []

    def __enter__(self):
        self._before = blocks.os
        blocks.os = self
        blocks.open = self.open
        return self

    def __exit__(self, *_):
        blocks.os = self._before
        del blocks.open

    def check(self, what):
        if self.power is not None and self.power <= 0:
            raise PowerCut()
        if self.fault and what in self.on:
            raise OSError(self.fault)

    def open(self, name, mode):
        if mode == "rb":
            self.check("read")
            if name not in self.files:
                raise OSError(errno.ENOENT)
        else:
            self.check("open")
            self.log.append(("open", name))
        return File(self, name, mode)

    def listdir(self, folder):
        self.check("list")
        return [name.rpartition("/")[2] for name in self.files]

    def remove(self, name):
        self.check("remove")
        if name not in self.files:
            raise OSError(errno.ENOENT)
        self.log.append(("remove", name))
        del self.files[name]


class File:
    def __init__(self, flash, name, mode):
        self.flash = flash
        self.name = name
        self.mode = mode
        self.data = b""
        if mode == "wb" and not flash.atomic:
            flash.files[name] = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mode == "wb":
            self.flash.check("close")
            self.flash.files[self.name] = self.data

    def readinto(self, buf):
        data = self.flash.files[self.name][: len(buf)]
        for i in range(len(data)):
            buf[i] = data[i]
        return len(data)

    def write(self, buf):
        f = self.flash
        f.check("write")
        n = len(buf) if f.power is None else min(len(buf), f.power)
        self.data += bytes(buf[:n])
        f.written += n
        if not f.atomic:
            f.files[self.name] = self.data
        if f.power is not None:
            f.power -= n
            if n < len(buf):
                raise PowerCut()
        return n
