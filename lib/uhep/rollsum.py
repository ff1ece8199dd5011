# Part of uhep, MIT licence.
"""The number of a correlation id; _hash.py does the same as machine code."""


def number(b, i, n):
    """The octets b[i : i + n] as a big-endian number, or one below 2^17 that is congruent to
    it modulo 65521."""
    n += i
    h = 0
    while i < n:
        h = h << 8 | b[i]
        h = (h >> 16) * 15 + (h & 0xFFFF)  # 65536 is 15 modulo 65521
        i += 1
    return h
