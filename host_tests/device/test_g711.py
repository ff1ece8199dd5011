"""lib/usip: G.711 against the standard's own tables, tones, and what both ways have in common."""

import struct
from array import array

from usip import _plain, g711, tones
from usip.g711 import ALAW, ULAW

try:
    from usip import _viper
except Exception:  # CPython, or a port without machine code
    _viper = None


def decoded(law, codes):
    pcm = bytearray(2 * len(codes))
    g711.decode(codes, pcm, array("H", (law, 0, len(codes), 0)))
    return struct.unpack("<%dh" % len(codes), pcm)


def encoded(law, samples):
    pcm = struct.pack("<%dh" % len(samples), *samples) + bytes(320)
    out = bytearray(160)
    g711.encode(law, pcm, out, 0)
    return bytes(out[: len(samples)])


def table_2a():
    """u-law, positive: (code, decision value below, decision value above, quantized value), in
    the 14 bits of the standard. Segments 1 to 8 have steps of 2, 4, ... 256, 16 each."""
    value, code = 0, 0xFF
    yield code, 0, 1, 0
    edge = 1
    for segment in range(8):
        step = 2 << segment
        for at in range(16):
            if segment == 0 and at == 0:
                continue  # the first interval is half as wide
            code -= 1
            value = edge + step // 2
            yield code, edge, edge + step, value
            edge += step


def table_1a():
    """A-law, positive, as table_2a() but in 13 bits. Even bits are inverted as on the wire."""
    edge = 0
    code = 0x80
    for segment in range(8):
        step = 2 if segment < 2 else 1 << segment
        for _ in range(16):
            yield code ^ 0x55, edge, edge + step, edge + step // 2
            code += 1
            edge += step


def test_ulaw_is_the_standards():
    rows = list(table_2a())
    assert len(rows) == 128 and rows[-1][0] == 0x80 and rows[-1][3] == 8031
    for code, low, high, value in rows:
        assert decoded(ULAW, bytes([code, code & 0x7F])) == (value * 4, -value * 4), code
        inside = [s for s in (low * 4, high * 4 - 1) if s < 32768]
        assert encoded(ULAW, inside) == bytes([code]) * len(inside)
        inside = [-s for s in inside if s]
        assert encoded(ULAW, inside) == bytes([code & 0x7F]) * len(inside)
    assert encoded(ULAW, [32767, -32768]) == b"\x80\x00"


def test_alaw_is_the_standards():
    rows = list(table_1a())
    assert len(rows) == 128 and rows[0][0] == 0xD5 and rows[-1][2:] == (4096, 4032)
    for code, low, high, value in rows:
        assert decoded(ALAW, bytes([code, code ^ 0x80])) == (value * 8, -value * 8), code
        inside = [low * 8, high * 8 - 1]
        assert encoded(ALAW, inside) == bytes([code]) * 2
        assert encoded(ALAW, [-1 - s for s in inside]) == bytes([code ^ 0x80]) * 2


def test_both_are_the_same_in_machine_code_and_bytecode():
    if not _viper:
        return
    codes = bytes(range(256))
    samples = bytearray(320)
    for law in (ULAW, ALAW):
        one, other = bytearray(512), bytearray(512)
        job = array("H", (law, 0, 256, 0))
        _plain.decode(codes, one, job)
        _viper.decode(codes, other, job)
        assert one == other
        for first in range(-32768, 32768, 1600):
            for at in range(160):
                struct.pack_into("<h", samples, 2 * at, min(first + at * 10 + at % 7, 32767))
            one, other = bytearray(161), bytearray(161)
            _plain.encode(law, samples, one, 1)
            _viper.encode(law, samples, other, 1)
            assert one == other
            one, other = bytearray(samples), bytearray(samples)
            _plain.halve(one)
            _viper.halve(other)
            assert one == other
    states = [array("H", (7, 3000, 65000, 4000)) for _ in range(2)]
    table = tones.sine(8000)
    for _ in range(3):
        _plain.mix(one, table, states[0])
        _viper.mix(other, table, states[1])
        assert one == other and list(states[0]) == list(states[1])


def test_offsets():
    pcm = bytearray(8)
    g711.decode(b"\x55\x80\x00\x55", pcm, array("H", (ULAW, 1, 2, 1)))
    assert struct.unpack("<4h", pcm) == (0, 32124, -32124, 0)
    out = bytearray(163)
    g711.encode(ULAW, pcm + bytes(312), out, 2)
    assert bytes(out[:7]) == b"\0\0\xff\x80\x00\xff\xff" and out[161:] == b"\xff\x00"


def power(samples, frequency):
    """How much of a frequency is in samples, as a peak value (Goertzel)."""
    import math

    turn = 2 * math.cos(2 * math.pi * frequency / 8000)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    return math.sqrt(max(one * one + two * two - turn * one * two, 0)) * 2 / len(samples)


def samples_of(source, frames):
    heard = []
    for _ in range(frames):
        pcm = source.frame()
        heard += struct.unpack("<160h", pcm) if pcm else (0,) * 160
    return heard


def test_a_tone_has_its_frequency_and_level():
    source = tones.Tones(tones.sine(8000))
    for frequencies in ((400,), (425,), (1004,), (350, 440)):
        source.play(frequencies)
        heard = samples_of(source, 50)
        for frequency in frequencies:
            assert 7800 < power(heard, frequency) < 8200, frequencies
        assert power(heard, 650) < 100


def test_cadence():
    source = tones.Tones(tones.sine(8000))
    source.play((425,), (100, 60))
    sounds = [source.frame() is not None for _ in range(16)]
    assert sounds == [True] * 5 + [False] * 3 + [True] * 5 + [False] * 3 and source.playing
    source.stop()
    assert source.frame() is None
    source.digit("5", 60)
    assert [source.frame() is not None for _ in range(5)] == [True] * 3 + [False] * 2
    assert not source.playing


def test_every_digit_has_its_two_frequencies():
    source = tones.Tones(tones.sine(8000))
    for digit, low, high in (("1", 697, 1209), ("D", 941, 1633), ("0", 941, 1336)):
        source.digit(digit)
        heard = samples_of(source, 5)
        assert power(heard, low) > 7000 and power(heard, high) > 7000
