"""MD5 (RFC 1321), for ports whose hashlib has none: a few hundred bytes, some milliseconds."""

import struct

from micropython import const

_SHIFTS = const((7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21))
_MASK = 0xFFFFFFFF
# floor(2^32 * abs(sin(i + 1))): the floats of a port need not be good enough.
_TABLE = const(
    b"\x78\xa4\x6a\xd7\x56\xb7\xc7\xe8\xdb\x70\x20\x24\xee\xce\xbd\xc1\xaf\x0f\x7c\xf5"
    b"\x2a\xc6\x87\x47\x13\x46\x30\xa8\x01\x95\x46\xfd\xd8\x98\x80\x69\xaf\xf7\x44\x8b"
    b"\xb1\x5b\xff\xff\xbe\xd7\x5c\x89\x22\x11\x90\x6b\x93\x71\x98\xfd\x8e\x43\x79\xa6"
    b"\x21\x08\xb4\x49\x62\x25\x1e\xf6\x40\xb3\x40\xc0\x51\x5a\x5e\x26\xaa\xc7\xb6\xe9"
    b"\x5d\x10\x2f\xd6\x53\x14\x44\x02\x81\xe6\xa1\xd8\xc8\xfb\xd3\xe7\xe6\xcd\xe1\x21"
    b"\xd6\x07\x37\xc3\x87\x0d\xd5\xf4\xed\x14\x5a\x45\x05\xe9\xe3\xa9\xf8\xa3\xef\xfc"
    b"\xd9\x02\x6f\x67\x8a\x4c\x2a\x8d\x42\x39\xfa\xff\x81\xf6\x71\x87\x22\x61\x9d\x6d"
    b"\x0c\x38\xe5\xfd\x44\xea\xbe\xa4\xa9\xcf\xde\x4b\x60\x4b\xbb\xf6\x70\xbc\xbf\xbe"
    b"\xc6\x7e\x9b\x28\xfa\x27\xa1\xea\x85\x30\xef\xd4\x05\x1d\x88\x04\x39\xd0\xd4\xd9"
    b"\xe5\x99\xdb\xe6\xf8\x7c\xa2\x1f\x65\x56\xac\xc4\x44\x22\x29\xf4\x97\xff\x2a\x43"
    b"\xa7\x23\x94\xab\x39\xa0\x93\xfc\xc3\x59\x5b\x65\x92\xcc\x0c\x8f\x7d\xf4\xef\xff"
    b"\xd1\x5d\x84\x85\x4f\x7e\xa8\x6f\xe0\xe6\x2c\xfe\x14\x43\x01\xa3\xa1\x11\x08\x4e"
    b"\x82\x7e\x53\xf7\x35\xf2\x3a\xbd\xbb\xd2\xd7\x2a\x91\xd3\x86\xeb"
)


class md5:
    """As hashlib.md5(data).digest()."""

    def __init__(self, data):
        self._data = data

    def digest(self):
        """The 16 bytes."""
        size = len(self._data)
        data = self._data + b"\x80" + bytes((55 - size) % 64) + struct.pack("<Q", size * 8)
        state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
        table = struct.unpack("<64I", _TABLE)
        for at in range(0, len(data), 64):
            words = struct.unpack_from("<16I", data, at)
            state = tuple([(x + y) & _MASK for x, y in zip(state, _block(state, words, table))])
        return struct.pack("<4I", *state)


def _block(state, words, table):
    a, b, c, d = state
    for i in range(64):
        turn = i >> 4
        if turn == 0:
            mixed, at = b & c | ~b & d, i
        elif turn == 1:
            mixed, at = d & b | ~d & c, 5 * i + 1
        elif turn == 2:
            mixed, at = b ^ c ^ d, 3 * i + 5
        else:
            mixed, at = c ^ (b | ~d & _MASK), 7 * i
        mixed = (mixed + a + table[i] + words[at & 15]) & _MASK
        shift = _SHIFTS[turn * 4 + (i & 3)]
        a, d, c = d, c, b
        b = (b + (mixed << shift | mixed >> 32 - shift)) & _MASK
    return a, b, c, d
