# What redaction reads and writes, as machine code; words.py does the same in bytecode, for
# interpreters without the native emitter, and a test holds both to the same octets. Every
# function has few variables and small numbers, as bytecode needs it. `b` is changed in place
# between i and e, never in length. keys: 44 octets of round keys, 2 for the cipher's use, what
# to redact, and the method.

import micropython


@micropython.viper
def match(b, i: int, e: int, name: ptr8, n: int) -> int:
    # Behind the n octets of `name`, in any case, if they stand at i; else 0.
    p = ptr8(b)
    k = 0
    while k < n:
        if i >= e or p[i] < 32 or p[i] | 32 != name[k]:
            return 0
        i += 1
        k += 1
    return i


@micropython.viper
def line(b, i: int, e: int) -> int:
    # Where the line at i ends: at CR or LF, which each are one in what is damaged.
    p = ptr8(b)
    while i < e and p[i] != 10 and p[i] != 13:
        i += 1
    return i


@micropython.viper
def following(b, i: int, e: int) -> int:
    # Where the line behind the end of one, i, begins.
    p = ptr8(b)
    if i < e and p[i] == 13:
        i += 1
        if i >= e or p[i] != 10:
            return i
    if i < e:
        i += 1
    return i


@micropython.viper
def blanks(b, i: int, e: int) -> int:
    # Behind white space and ends of lines.
    p = ptr8(b)
    while i < e and (p[i] == 32 or p[i] == 9 or p[i] == 10 or p[i] == 13):
        i += 1
    return i


@micropython.viper
def word(b, i: int, e: int) -> int:
    # Behind letters, digits, "-" and "_".
    p = ptr8(b)
    while i < e:
        if p[i] != 45 and p[i] != 95 and (p[i] < 48 or p[i] > 57):
            if p[i] | 32 < 97 or p[i] | 32 > 122:
                break
        i += 1
    return i


@micropython.viper
def fill(b, i: int, e: int, least: int) -> int:
    # "x" for everything but ends of lines and, with least 33, white space.
    p = ptr8(b)
    while i < e:
        if p[i] != 10 and p[i] != 13 and (least == 0 or p[i] != 32 and p[i] != 9):
            p[i] = 120
        i += 1
    return i


@micropython.viper
def cipher(x: int, y: int, keys) -> int:
    # Speck with words of 16 bits and 22 round keys; x << 16 | y comes back in two halves,
    # the upper one in the last two octets of `keys`.
    w = ptr8(keys)
    k = 0
    while k < 44:
        x = ((x >> 7 | x << 9) + y & 0xFFFF) ^ (w[k] << 8 | w[k + 1])
        y = (y << 2 | y >> 14) & 0xFFFF ^ x
        x &= 0xFFFF
        k += 2
    w[44] = x >> 8
    w[45] = x & 255
    return y


@micropython.viper
def pseudonym(b, i: int, e: int, keys) -> int:
    # Letters and digits that hang on nothing but b[i:e] and the keys: a CBC-MAC, which begins
    # with the length, and goes on for as many characters as are needed.
    p = ptr8(b)
    w = ptr8(keys)
    y = int(cipher(0, e - i & 0xFFFF, keys))
    k = i
    while k < e:
        y ^= p[k] << 8
        if k + 1 < e:
            y ^= p[k + 1]
        y = int(cipher(w[44] << 8 | w[45], y, keys))
        k += 2
    while i < e:
        k = 0
        while k < 15 and i < e:
            p[i] = ptr8(b"abcdefghijkmnpqrstuvwxyz23456789")[y >> k & 31]
            k += 5
            i += 1
        y = int(cipher(w[44] << 8 | w[45], y, keys))
    return e


@micropython.viper
def at(b, i: int, e: int) -> int:
    # Where the "@" of a URI stands, whose user part begins at i; else 0.
    p = ptr8(b)
    while i < e and p[i] > 32 and p[i] != 60 and p[i] != 62 and p[i] != 34:
        if p[i] == 64:
            return i
        i += 1
    return 0


@micropython.viper
def user(b, i: int, e: int, keys) -> int:
    # The user part b[i:e], and a password behind a colon.
    p = ptr8(b)
    k = i
    while k < e and p[k] != 58:
        k += 1
    pseudonym(b, i, k, keys)
    if k < e:
        fill(b, k + 1, e, 33)
    return e


@micropython.viper
def scheme(b, i: int, e: int) -> int:
    # Behind "sip:" or "sips:"; below 0: behind "tel:"; else 0.
    k = int(match(b, i, e, b"sip", 3))
    if k:
        i = k
        k = int(match(b, i, e, b"s:", 2))
        if k == 0:
            k = int(match(b, i, e, b":", 1))
        return k
    return 0 - int(match(b, i, e, b"tel:", 4))


@micropython.viper
def users(b, i: int, e: int, keys) -> int:
    # The user parts of all URIs in a line.
    p = ptr8(b)
    while i < e:
        k = 0
        if i + 4 < e and (p[i + 3] == 58 or p[i + 4] == 58):
            k = int(scheme(b, i, e))
        i += 1
        if k > 0:
            i = k
            k = int(at(b, k, e))
            if k:
                i = int(user(b, i, k, keys))
        elif k < 0:
            k = 0 - k
            i = k
            while k < e and p[k] > 32 and p[k] != 59 and p[k] != 44:
                if p[k] == 62 or p[k] == 60 or p[k] == 34:
                    break
                k += 1
            i = int(pseudonym(b, i, k, keys))
    return e


@micropython.viper
def owner(b, i: int, e: int, keys) -> int:
    # The value of "username", up to an "@"; a URI is left to `users`.
    p = ptr8(b)
    if i < e and p[i] == 34:
        i += 1
    if int(scheme(b, i, e)):
        return i
    k = i
    while k < e and p[k] > 32 and p[k] != 34 and p[k] != 44 and p[k] != 64:
        k += 1
    return int(pseudonym(b, i, k, keys))


@micropython.viper
def own(b, i: int, e: int) -> int:
    # Whether the line at i is a Call-ID, in which no user is looked for.
    p = ptr8(b)
    k = int(match(b, i, e, b"call-id", 7))
    if k == 0:
        k = int(match(b, i, e, b"i", 1))
    while k and k < e and (p[k] == 32 or p[k] == 9):
        k += 1
    return int(k and k < e and p[k] == 58)
