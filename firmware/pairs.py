"""Samples of two sides, one after the other: taken apart and put together, in bytecode.

32 samples of 16 bits for each side; _pairs.py does the same in machine code.
"""


def split(both, left, right):
    """The samples of `both` to `left` and `right`."""
    at = 0
    while at < 64:
        left[at] = both[2 * at]
        left[at + 1] = both[2 * at + 1]
        right[at] = both[2 * at + 2]
        right[at + 1] = both[2 * at + 3]
        at += 2


def join(left, right, both):
    """The samples of `left` and `right` to `both`."""
    at = 0
    while at < 64:
        both[2 * at] = left[at]
        both[2 * at + 1] = left[at + 1]
        both[2 * at + 2] = right[at]
        both[2 * at + 3] = right[at + 1]
        at += 2
