"""Samples of two sides in machine code; pairs.py does the same in bytecode, and says what."""

import micropython


@micropython.viper
def split(both: ptr16, left: ptr16, right: ptr16):
    i = 0
    while i < 32:
        left[i] = both[2 * i]
        right[i] = both[2 * i + 1]
        i += 1


@micropython.viper
def join(left: ptr16, right: ptr16, both: ptr16):
    i = 0
    while i < 32:
        both[2 * i] = left[i]
        both[2 * i + 1] = right[i]
        i += 1
