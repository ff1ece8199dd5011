"""The work on samples in bytecode, for interpreters without the native emitter.

Samples are 16 bits, signed, little endian, 160 of them in a bytearray. `law` is 0 for u-law,
and 8, as its payload type, for A-law. Frames are small: over 11 words they come from the heap.
"""


def encode(law, pcm, out, at):
    """G.711 codes of the samples in pcm, to out[at:]."""
    i = 160
    while i:
        i -= 1
        out[at + i] = _code(law, pcm[2 * i] | pcm[2 * i + 1] << 8)


def _code(law, s):
    return alaw(s) if law else ulaw(s)


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


def decode(data, pcm, job):
    """Samples of G.711 codes. `job` is an array of law, where in `data`, how many, and to which
    sample of pcm."""
    i = job[2]
    while i:
        i -= 1
        s = _sample(job[0], data[job[1] + i])
        put(pcm, job[3] + i, s)


def _sample(law, code):
    return from_alaw(code) if law else from_ulaw(code)


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


def halve(pcm):
    """6 dB less, towards 0."""
    i = 160
    while i:
        i -= 1
        put(pcm, i, _half(get(pcm, i)))


def _half(s):
    return s >> 1 if s >= 0 else -(-s >> 1)


def mix(pcm, sine, state):
    """Two tones added up. `sine` is a period in 256 samples, `state` an array of 16 bits:
    phase and step of the one and of the other, in 1/65536 of a period."""
    i = 0
    while i < 160:
        put(pcm, i, _two(sine, state))
        i += 1


def _two(sine, state):
    s = get(sine, state[0] >> 8) + get(sine, state[2] >> 8)
    state[0] = (state[0] + state[1]) & 0xFFFF
    state[2] = (state[2] + state[3]) & 0xFFFF
    return s
