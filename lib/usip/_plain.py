"""The work on samples in bytecode, for interpreters without the native emitter.

Samples are 16 bits, signed, little endian, `n` of them in a bytearray. `law` is 0 for u-law,
and 8, as its payload type, for A-law.
"""


def encode(law, pcm, out, at, n):
    """G.711 codes of the samples in pcm, to out[at:]."""
    one = alaw if law else ulaw
    for i in range(n):
        out[at + i] = one(pcm[2 * i] | pcm[2 * i + 1] << 8)


def ulaw(s):
    """The u-law code of a sample, which is given as 16 bits without sign."""
    mask = 0xFF
    if s & 0x8000:
        s = 0x10000 - s
        mask = 0x7F
    s = min(s, 32635) + 132
    e = 0
    while s >> (e + 8):
        e += 1
    return (e << 4 | (s >> (e + 3)) & 15) ^ mask


def alaw(s):
    """The A-law code of a sample, which is given as 16 bits without sign."""
    mask = 0xD5
    if s & 0x8000:
        s ^= 0xFFFF
        mask = 0x55
    s >>= 3
    e = 0
    while s >> (e + 5):
        e += 1
    return (e << 4 | (s >> max(e, 1)) & 15) ^ mask


def decode(law, data, at, n, pcm, to):
    """Samples of the n codes data[at:], to sample number `to` of pcm."""
    one = from_alaw if law else from_ulaw
    for i in range(n):
        put(pcm, to + i, one(data[at + i]))


def from_ulaw(c):
    c ^= 0xFF
    s = (((c & 15) << 3) + 132 << (c >> 4 & 7)) - 132
    return -s if c & 0x80 else s


def from_alaw(c):
    c ^= 0x55
    e = c >> 4 & 7
    s = (c & 15) << 4
    s = s + 0x108 << (e - 1) if e else s + 8
    return s if c & 0x80 else -s


def put(pcm, i, s):
    pcm[2 * i] = s & 0xFF
    pcm[2 * i + 1] = s >> 8 & 0xFF


def get(pcm, i):
    s = pcm[2 * i] | pcm[2 * i + 1] << 8
    return s - 0x10000 if s & 0x8000 else s


def halve(pcm, n):
    """6 dB less, towards 0."""
    for i in range(n):
        s = get(pcm, i)
        put(pcm, i, s >> 1 if s >= 0 else -(-s >> 1))


def mix(pcm, n, sine, state):
    """Two tones added up. `sine` is a period in 256 samples, `state` an array of 16 bits:
    phase and step of the one and of the other, in 1/65536 of a period."""
    for i in range(n):
        put(pcm, i, get(sine, state[0] >> 8) + get(sine, state[2] >> 8))
        state[0] = (state[0] + state[1]) & 0xFFFF
        state[2] = (state[2] + state[3]) & 0xFFFF
