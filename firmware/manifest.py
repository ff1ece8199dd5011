"""The manifest of a release: its lines, and the files of a slot that it speaks of."""

import hashlib
import os
from binascii import hexlify

import slots


class ManifestError(Exception):
    """A line that is wrong."""


def lines(text):
    """Lines without their ends, one after the other: no list of them all."""
    at = 0
    while at < len(text):
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end + 1


def entries(text):
    """(SHA-256, octets, path) of each file that a manifest lists."""
    rows = lines(text)
    for _ in range(3):
        next(rows)
    for line in rows:
        yield entry(line)


def entry(line):
    """(SHA-256 in hexadecimal, octets, path) of a line of the manifest. Raises ManifestError."""
    parts = line.split(b" ")
    if len(parts) == 3 and len(parts[0]) == 64 and parts[1].isdigit():
        path = parts[2].decode()
        if ".." not in path and all([c.isalpha() or c.isdigit() or c in "_./" for c in path]):
            if path[0] != "/" and path != slots.RELEASE:
                return parts[0], int(parts[1]), path
    raise ManifestError("a line of the manifest is wrong: %s" % line[:80])


def number(version):
    """A version as something to compare: "0.10.1" is (0, 10, 1)."""
    return tuple([int(part) if part.isdigit() else 0 for part in version.split(".")])


def digest(path):
    """The SHA-256 of a file in hexadecimal, as bytes; None if there is none."""
    made = hashlib.sha256()
    buf = bytearray(512)
    view = memoryview(buf)
    try:
        with open(path, "rb") as file:
            while True:
                n = file.readinto(buf)
                if not n:
                    break
                made.update(view[:n])
    except OSError:
        return None
    return hexlify(made.digest())


def folder(path):
    """Make a folder, and those that it is in, if they are not there."""
    parts = path.split("/")
    for i in range(1, len(parts) + 1):
        try:
            os.mkdir("/".join(parts[:i]))
        except OSError:
            pass


def blocks(path, size):
    """Blocks of flash that the files in a folder take; 0 if there is none."""
    n = 0
    try:
        names = os.listdir(path)
    except OSError:
        names = ()
    for name in names:
        what = os.stat(path + "/" + name)
        n += blocks(path + "/" + name, size) if what[0] & 0x4000 else -(-what[6] // size)
    return n


def sweep(slot, keep, inner=""):
    """Remove the files of a slot that are not in `keep`, and folders that become empty."""
    for name in os.listdir(slot + "/" + inner if inner else slot):
        path = inner + "/" + name if inner else name
        full = slot + "/" + path
        try:
            is_folder = os.stat(full)[0] & 0x4000
        except OSError:
            continue
        if is_folder:
            sweep(slot, keep, path)
            if not os.listdir(full):
                os.rmdir(full)
        elif path not in keep:
            os.remove(full)
