"""What of a .mpy file lies in memory once it is imported, and would stay in flash if frozen.

The format: docs/reference/mpyfiles.rst of MicroPython, and py/persistentcode.c for version 6.
"""

_BLOCK = 16  # octets of a block of the heap, 32-bit
_TUPLE = 10
_STR, _BYTES = 5, 6
_NO_DATA = (0, 1, 2, 3, 4)  # a table of functions, None, False, True, ...
_LOAD_NAME = 0x11  # the first that the body of a class does; no function does it at all


def loaded(data: bytes) -> int:
    """Octets of heap that bytecode, constants and their tables of a .mpy file take, 32-bit.

    Without its names, which all files share, and without machine code. What only runs once, the
    bodies of the module and of its classes, is garbage afterwards. Raises ValueError.
    """
    return _Reader(data).module()


def machine_code(data: bytes) -> int:
    """Octets of memory that a .mpy file's machine code takes. Raises ValueError."""
    reader = _Reader(data)
    reader.module()
    return reader.machine_code


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 4
        self.machine_code = 0

    def module(self) -> int:
        if self.data[:2] != b"M\x06":
            raise ValueError("no .mpy file of version 6")
        names, objects = self.number(), self.number()
        for _ in range(names):
            n = self.number()
            if not n & 1:
                self.at += (n >> 1) + 1
        octets = _blocks(2 * names) + _blocks(4 * objects)
        octets += sum(self.object() for _ in range(objects))
        octets += self.code(outermost=True)
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} octets are left")
        return octets

    def object(self) -> int:
        kind = self.data[self.at]
        self.at += 1
        if kind in _NO_DATA:
            return 0
        n = self.number()
        if kind == _TUPLE:
            return _blocks(8 + 4 * n) + sum(self.object() for _ in range(n))
        text = kind in (_STR, _BYTES)
        self.at += n + text
        return _BLOCK + (_blocks(n + 1) if text else 0)

    def code(self, outermost: bool = False) -> int:
        head = self.number()
        n = head >> 3
        octets = 0
        if head & 3:  # machine code; a number behind it tells how it is called
            self.at += n
            self.number()
            self.machine_code += _blocks(n)
        else:
            once = outermost or self.first_opcode(self.at) == _LOAD_NAME
            self.at += n
            octets = 0 if once else _blocks(n)
        if head & 4:
            octets += sum(self.code() for _ in range(self.number()))
        return octets

    def first_opcode(self, at: int) -> int:
        # Behind the prelude: a signature, then how many octets of names and of cells follow.
        while self.data[at] & 0x80:
            at += 1
        at += 1
        info = cells = n = 0
        while True:
            z = self.data[at]
            at += 1
            cells |= (z & 1) << n
            info |= ((z & 0x7E) >> 1) << (6 * n)
            n += 1
            if not z & 0x80:
                return self.data[at + info + cells]

    def number(self) -> int:
        value = 0
        while True:
            octet = self.data[self.at]
            self.at += 1
            value = value << 7 | octet & 0x7F
            if octet < 0x80:
                return value


def _blocks(octets: int) -> int:
    return -(-octets // _BLOCK) * _BLOCK
