# Part of uhep, MIT licence.
"""Dates packets back that were captured before the time was known. Imported only then."""

from struct import pack_into, unpack_from


def date_back(ring, sec, us):
    """Add seconds and microseconds to the stamps of all records in the ring."""
    buf, st = ring.buf, ring.st
    at = st[1]  # the tail
    for _ in range(st[3]):
        u = unpack_from(">I", buf, at + 52)[0] + us
        s = unpack_from(">I", buf, at + 42)[0] + sec + u // 1000000
        pack_into(">I", buf, at + 42, s)
        pack_into(">I", buf, at + 52, u % 1000000)
        at = ring.next(at)
