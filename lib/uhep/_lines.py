# The reading of Content-Length as machine code; lines.py does the same in bytecode, for
# interpreters without the native emitter, and a test holds both to the same numbers.

import micropython


@micropython.viper
def content_length(b: ptr8, i: int, e: int) -> int:
    name = ptr8(b"content-length")
    found = 0
    while True:
        while i < e and b[i] != 10:
            i += 1
        i += 1
        if i >= e:
            return found
        k = b[i] | 0x20
        if k == 0x6C:
            i += 1
        elif k == 0x63:
            k = 0
            while k < 14 and b[i] > 13 and b[i] | 0x20 == name[k]:
                k += 1
                i += 1
            if k < 14:
                continue
        else:
            continue
        while b[i] == 0x20 or b[i] == 9:
            i += 1
        if b[i] != 0x3A:
            continue
        i += 1
        found = -1
        # White space and folds, digits, white space. A line ends within the header, whose
        # last is empty.
        while b[i] == 0x20 or b[i] == 9 or b[i] == 13 or b[i] == 10:
            if b[i] == 10 and b[i + 1] != 0x20 and b[i + 1] != 9:
                break
            i += 1
        k = -1
        while b[i] >= 0x30 and b[i] <= 0x39:
            if k < 0:
                k = 0
            if k < 10000000:
                k = k * 10 + b[i] - 0x30
            i += 1
        while b[i] == 0x20 or b[i] == 9:
            i += 1
        if k >= 0 and (b[i] == 13 or b[i] == 10):
            return k
