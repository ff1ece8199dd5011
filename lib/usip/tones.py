"""Tones: one or two frequencies with a cadence (ITU-T E.180, Q.23)."""

import math
from array import array

from micropython import const

from usip import g711

_RATE = const(8000)
DTMF = "123A456B789C*0#D"
_LOW = const((697, 770, 852, 941))
_HIGH = const((1209, 1336, 1477, 1633))


def sine(peak):
    """A period of a sine in 256 samples, `peak` of 32767 high."""
    table = array("h", [0] * 256)
    for at in range(256):
        table[at] = int(round(peak * math.sin(math.pi * at / 128)))
    return bytes(table)


class Tones:
    """A source of frames: a tone, in its cadence.

    `table` is a sine(); two frequencies together are twice as high as one. frame() gives
    20 ms in one buffer that is made once, and never allocates.
    """

    clocked = False

    def __init__(self, table):
        self.playing = False
        self._sine = table
        self._pcm = bytearray(g711.FRAME)
        self._state = array("H", (0, 0, 0, 0))
        self._cadence = ()
        self._at = 0  # which part of the cadence
        self._left = 0  # frames of it; -1: no end

    def play(self, frequencies, cadence=()):
        """Plays one or two frequencies in Hz. `cadence` is ms of sound, of silence and so on,
        again and again; () is without end, and a single number once."""
        low, high = (tuple(frequencies) + (0,))[:2]
        state = self._state
        state[0] = state[2] = 0
        state[1] = (low * 65536 + _RATE // 2) // _RATE
        state[3] = (high * 65536 + _RATE // 2) // _RATE
        self._cadence = cadence
        self._at = 0
        self._left = cadence[0] // 20 if cadence else -1
        self.playing = True

    def digit(self, digit, ms=100):
        """Plays a DTMF digit once."""
        at = DTMF.index(digit)
        self.play((_LOW[at // 4], _HIGH[at % 4]), (ms,))

    def stop(self):
        self.playing = False

    def frame(self):
        """20 ms of it, or None: silence."""
        if not self.playing:
            return None
        sounds = self._at % 2 == 0
        if self._left > 0:
            self._left -= 1
            if self._left == 0:
                self._next()
        if not sounds:
            return None
        g711.mix(self._pcm, self._sine, self._state)
        return self._pcm

    def _next(self):
        self._at += 1
        if self._at == len(self._cadence):
            self._at = 0
            self.playing = len(self._cadence) > 1
        self._left = self._cadence[self._at] // 20
