"""Sound from a WAV file and to another: 16 bits, mono, 8 kHz."""

import struct

from micropython import const
from usip import g711
from usip.audio import Audio

_HEADER = const(44)


class Wav(Audio):
    """Sends the file at `source`, again and again, and writes what it hears to `target`; either
    may be "". ValueError if source is none that can be sent.

    target is written anew from the first call on; further calls follow in it. When it can not be
    written, that is said once, and the call goes on without.
    """

    def __init__(self, source, target):
        self._target = target
        self._out = None
        self._written = 0
        self._pcm = bytearray(g711.FRAME)
        self._in = None
        self._start = self._left = self._size = 0
        if source:
            try:
                self._in = open(source, "rb")
            except OSError as error:
                raise ValueError("wav_in: %s can not be read: %s" % (source, error))
            self._find(source)

    def _find(self, source):
        head = self._in.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise ValueError("wav_in: %s is no WAV file" % source)
        at = 12
        while True:
            chunk = self._in.read(8)
            if len(chunk) < 8:
                raise ValueError("wav_in: %s has no sound in it" % source)
            name, size = struct.unpack("<4sI", chunk)
            at += 8
            if name == b"fmt ":
                what = struct.unpack("<HHIIHH", self._in.read(16))
                if (what[0], what[1], what[2], what[5]) != (1, 1, 8000, 16):
                    raise ValueError("wav_in: %s must be 16 bits, mono, 8000 Hz" % source)
            elif name == b"data":
                break
            at += size + size % 2
            self._in.seek(at)
        # One that was made as a stream does not know its size.
        size = min(size, self._in.seek(0, 2) - at)
        self._in.seek(at)
        if size < g711.FRAME:
            raise ValueError("wav_in: %s is shorter than 20 ms" % source)
        self._start = at
        self._size = self._left = size // g711.FRAME

    def frame(self):
        if not self._in:
            return None
        if not self._left:
            self._in.seek(self._start)
            self._left = self._size
        self._left -= 1
        self._in.readinto(self._pcm)
        return self._pcm

    def play(self, pcm):
        if self._out:
            try:
                self._written += self._out.write(pcm or _QUIET)
            except OSError as error:
                self._give_up(error)

    def start(self):
        if self._target and not self._out:
            try:
                self._out = open(self._target, "wb")
                self._out.write(self._head())
            except OSError as error:
                self._give_up(error)

    def stop(self):
        # The file is whole after each call.
        if self._out:
            try:
                self._whole()
            except OSError as error:
                self._give_up(error)

    def _whole(self):
        self._out.seek(0)
        self._out.write(self._head())
        self._out.seek(_HEADER + self._written)
        self._out.flush()

    def _give_up(self, error):
        print("wav_out: %s can not be written: %s" % (self._target, error))
        self._target = ""
        if self._out:
            try:
                self._whole()  # what is there can be heard
                self._out.close()
            except OSError:
                pass
            self._out = None

    def _head(self):
        return b"RIFF" + struct.pack(
            "<I4s4sIHHIIHH4sI",
            36 + self._written,
            b"WAVE",
            b"fmt ",
            16,
            1,
            1,
            8000,
            16000,
            2,
            16,
            b"data",
            self._written,
        )


_QUIET = bytes(g711.FRAME)
