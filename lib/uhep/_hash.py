# The number of a correlation id as machine code; rollsum.py does the same in bytecode.

import micropython


@micropython.viper
def number(b: ptr8, i: int, n: int) -> int:
    n += i
    h = 0
    while i < n:
        h = h << 8 | b[i]
        h = (h >> 16) * 15 + (h & 0xFFFF)
        i += 1
    return h
