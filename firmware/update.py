"""A release bundle into the slot that does not run: checked, and then on trial.

A bundle is one line, `UHEP1`, the octets of the manifest and the signature in hexadecimal; the
manifest; and the files, one after the other, in its order. The manifest is text:

    uhep release 1
    version 0.1.1
    arch xtensawin
    <SHA-256 in hexadecimal> <octets> <path in the slot>
    ...

Ed25519 signs b"uhep release\\n" and the manifest's SHA-256: with a key pair a device that is
taken apart gives nothing away that would sign for others, which a shared secret would.
"""

import hashlib
import os
from binascii import hexlify, unhexlify

import slots
from manifest import ManifestError, blocks, digest, entries, entry, folder, lines, number, sweep
from micropython import const

_HEAD = 160
_MANIFEST = const(24576)
_SPARE = const(16)  # blocks: of folders, of the file that is replaced, for what else is written
_PREFIX = const(b"uhep release\n")


class UpdateError(ManifestError):
    """What is wrong with a bundle; the slot is then not whole, and nothing else has changed."""


class NotNewer(UpdateError):
    """The release is not newer than the one that runs, or was tried and has failed."""


def _free():
    # Octets of a block, and blocks that are free. A full littlefs may count to less than none.
    size, _, most, free = os.statvfs(".")[:4]
    return size, free if free <= most else 0


class Update:
    """Takes a bundle in pieces of any size.

    `feed` a piece, then call `work` until it says that there is no more to do, and so on; when
    `done`, the release is in its slot, checked, and will be tried at the next boot. Both raise
    UpdateError (a ManifestError), and OSError of the file system. Memory: the manifest, 14 KB,
    for a moment twice.
    """

    def __init__(self, key, arch, newer=True):
        """key: 64 hexadecimal digits, the only signer that is trusted; None: not signed, for
        what comes over the cable. arch: of this device. newer: only a newer version will do.
        """
        self._key = key and unhexlify(key)
        self._arch = arch
        self._newer = newer
        self._running, self._slot, _ = slots.state()
        if not self._slot:
            raise UpdateError("this device has no slots: it has to be flashed or deployed to")
        self._buf = b""
        self._manifest = None
        self._want = None  # octets of the manifest
        self._job = None  # a generator: what `work` does
        self._lines = None
        self._file = None
        self._left = 0
        self._text = None  # the manifest, once the slot is not whole any more
        self.version = ""
        self.done = False

    def feed(self, data):
        """The next octets of the bundle. Not while there is work to do."""
        at = 0
        while at < len(data) and not self._job:
            if self._lines is None:
                at = self._head(data, at)
            else:
                at = self._content(data, at)
        self._rest = data[at:]

    def work(self):
        """One step of what is to be done before the next piece. False: nothing."""
        if not self._job:
            return False
        try:
            next(self._job)
        except StopIteration:
            self._job = None
            if self._rest:  # behind the manifest begin the files
                self.feed(self._rest)
            return self._job is not None
        return True

    def close(self):
        """Let go of the file that is open; of all, if it has come to nothing and left no room."""
        if self._file:
            self._file.close()
            self._file = None
        if self._text and not self.done and _free()[1] < _SPARE:
            sweep(self._slot, ())

    def _head(self, data, at):
        if self._want is None:
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end + 1
            self._buf += data[at:end]
            if self._buf[-1:] == b"\n":
                self._begin(self._buf.split())
            elif len(self._buf) > _HEAD:
                raise UpdateError("this is no release bundle")
            return end
        n = min(len(data) - at, self._want - self._had)
        self._manifest[self._had : self._had + n] = data[at : at + n]
        self._had += n
        if self._had == self._want:
            self._job = self._check()
        return at + n

    def _begin(self, words):
        if len(words) < 2 or words[0] != b"UHEP1" or not words[1].isdigit():
            raise UpdateError("this is no release bundle")
        self._want = int(words[1])
        if not 0 < self._want <= _MANIFEST:
            raise UpdateError(
                "the manifest has %d octets; %d is the most" % (self._want, _MANIFEST)
            )
        self._signature = words[2] if len(words) > 2 else b""
        self._manifest = bytearray(self._want)
        self._had = 0
        self._buf = b""

    def _check(self):
        # Nothing of the manifest is believed before its signature.
        if self._key:
            import ed25519

            message = _PREFIX + hashlib.sha256(self._manifest).digest()
            verdict = False
            if len(self._signature) == 128:
                for verdict in ed25519.steps(self._key, message, unhexlify(self._signature)):
                    yield
            if not verdict:
                raise UpdateError("the signature is not by update_key")
        manifest = bytes(self._manifest)
        self._manifest = None
        yield
        rows = lines(manifest)
        head = [next(rows, b"").decode() for _ in range(3)]
        if head[0] != "uhep release 1" or not head[1].startswith("version "):
            raise UpdateError("the manifest is of another kind: %s" % head[0][:40])
        self.version = head[1][8:]
        if head[2] != "arch " + self._arch:
            raise UpdateError("the release is for %s, this device is %s" % (head[2], self._arch))
        self._is_new()
        self._fits(manifest)
        self._text = manifest
        self._clear()
        self._lines = rows
        self._next()

    def _is_new(self):
        if not self._newer:
            return
        for slot, other in ((self._running, False), (self._slot, True)):
            if other and not slots.failed():
                continue
            has = slots.version_of(slot)
            if has and number(self.version) <= number(has):
                raise NotNewer("%s is not newer than %s" % (self.version, has))

    def _fits(self, manifest):
        size, free = _free()
        free += blocks(self._slot, size) - _SPARE
        need = sum([-(-octets // size) for _, octets, _ in entries(manifest)])
        if need > free:
            raise UpdateError("it takes %d blocks of flash, %d are free" % (need, free))

    def _clear(self):
        # From here on the slot is not whole.
        try:
            os.remove(self._slot + "/" + slots.RELEASE)
        except OSError:
            pass
        folder(self._slot)
        # First what goes, so that there is room.
        sweep(self._slot, set([path for _, _, path in entries(self._text)]))

    def _next(self):
        # On to the next file; behind the last, to the end.
        line = next(self._lines, None)
        if line is None:
            self._lines = iter(())
            self._job = self._finish()
            return
        self._sum, self._left, self._path = entry(line)
        path = self._slot + "/" + self._path
        if "/" in self._path:
            folder(path.rpartition("/")[0])
        self._same = digest(path) == self._sum
        self._file = None if self._same else open(path, "wb")
        self._hash = hashlib.sha256()
        if not self._left:
            self._end()

    def _content(self, data, at):
        piece = data[at : at + self._left] if at or len(data) > self._left else data
        if not self._same:
            self._file.write(piece)
        self._hash.update(piece)
        self._left -= len(piece)
        if not self._left:
            self._end()
        return at + len(piece)

    def _end(self):
        self.close()
        if hexlify(self._hash.digest()) != self._sum:
            raise UpdateError("%s is damaged: its SHA-256 is another" % self._path)
        self._next()

    def _finish(self):
        if self._rest:
            raise UpdateError("the bundle is longer than its manifest says")
        # What the flash gives back counts, not what was written.
        for wanted, _, path in entries(self._text):
            if digest(self._slot + "/" + path) != wanted:
                raise UpdateError("%s has not reached the flash" % path)
            yield
        slots.write(self._slot + "/" + slots.RELEASE, self._text)
        slots.try_other()
        self.done = True
