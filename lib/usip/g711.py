"""G.711 and what else is done with samples: 16 bits, signed, little endian, at 8 kHz.

There are no tables: computing a code takes a few dozen instructions in machine code, so that
a frame of 160 costs an ESP32 far less than it costs to send it, and no memory.
"""

import sys

ULAW = 0  # a law is named by its static payload type (RFC 3551)
ALAW = 8
SAMPLES = 160  # of 20 ms
FRAME = 320  # their octets
SILENCE = {ULAW: b"\xff" * SAMPLES, ALAW: b"\xd5" * SAMPLES}

if sys.implementation.name == "micropython":
    try:
        from usip._viper import decode, encode, halve, mix
    except (ImportError, SyntaxError, ValueError, MemoryError):  # no machine code here
        from usip._plain import decode, encode, halve, mix
else:
    from usip._plain import decode, encode, halve, mix

__all__ = ("decode", "encode", "halve", "mix")
