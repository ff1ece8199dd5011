"""G.711 u-law: one sample, and a frame of tone."""

import math

_FRAME = 160  # samples in 20 ms at 8 kHz
_RATE = 8000


def ulaw(sample):
    """The u-law byte of a signed 16 bit sample."""
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample), 32635) + 132
    exponent = 7
    while exponent and not value >> (exponent + 7):
        exponent -= 1
    return ~(sign | exponent << 4 | value >> (exponent + 3) & 15) & 255


def tone(frequency, level=8000):
    """20 ms of a sine in u-law, as 160 bytes that join end to end.

    `frequency` in Hz, a multiple of 50; `level` is the peak, of 32767.
    """
    step = 2 * math.pi * frequency / _RATE
    return bytes([ulaw(int(level * math.sin(step * at))) for at in range(_FRAME)])
