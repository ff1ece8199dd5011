# Part of uhep, MIT licence.
"""What redaction reads and writes; `_words.py` is the same as machine code."""


def match(b, i, e, name, n):
    # Behind the n octets of `name`, in any case, if they stand at i; else 0.
    k = 0
    while k < n:
        if i >= e or b[i] < 32 or b[i] | 32 != name[k]:
            return 0
        i += 1
        k += 1
    return i


def line(b, i, e):
    # Where the line at i ends: at CR or LF, which each are one in what is damaged.
    while i < e and b[i] != 10 and b[i] != 13:
        i += 1
    return i


def following(b, i, e):
    # Where the line behind the end of one, i, begins.
    if i < e and b[i] == 13:
        i += 1
        if i >= e or b[i] != 10:
            return i
    if i < e:
        i += 1
    return i


def blanks(b, i, e):
    # Behind white space and ends of lines.
    while i < e and (b[i] == 32 or b[i] == 9 or b[i] == 10 or b[i] == 13):
        i += 1
    return i


def word(b, i, e):
    # Behind letters, digits, "-" and "_".
    while i < e:
        if b[i] != 45 and b[i] != 95 and (b[i] < 48 or b[i] > 57):
            if b[i] | 32 < 97 or b[i] | 32 > 122:
                break
        i += 1
    return i


def fill(b, i, e, least):
    # "x" for everything but ends of lines and, with least 33, white space.
    while i < e:
        if b[i] != 10 and b[i] != 13 and (least == 0 or b[i] != 32 and b[i] != 9):
            b[i] = 120
        i += 1
    return i


def cipher(x, y, keys):
    # Speck with words of 16 bits and 22 round keys; x << 16 | y comes back in two halves,
    # the upper one in the last two octets of `keys`.
    k = 0
    while k < 44:
        x = ((x >> 7 | x << 9) + y & 0xFFFF) ^ (keys[k] << 8 | keys[k + 1])
        y = (y << 2 | y >> 14) & 0xFFFF ^ x
        x &= 0xFFFF
        k += 2
    keys[44] = x >> 8
    keys[45] = x & 255
    return y


def pseudonym(b, i, e, keys):
    # Letters and digits that hang on nothing but b[i:e] and the keys: a CBC-MAC, which begins
    # with the length, and goes on for as many characters as are needed.
    y = cipher(0, e - i & 0xFFFF, keys)
    k = i
    while k < e:
        y ^= b[k] << 8
        if k + 1 < e:
            y ^= b[k + 1]
        y = cipher(keys[44] << 8 | keys[45], y, keys)
        k += 2
    while i < e:
        k = 0
        while k < 15 and i < e:
            b[i] = b"abcdefghijkmnpqrstuvwxyz23456789"[y >> k & 31]
            k += 5
            i += 1
        y = cipher(keys[44] << 8 | keys[45], y, keys)
    return e


def at(b, i, e):
    # Where the "@" of a URI stands, whose user part begins at i; else 0.
    while i < e and b[i] > 32 and b[i] != 60 and b[i] != 62 and b[i] != 34:
        if b[i] == 64:
            return i
        i += 1
    return 0


def user(b, i, e, keys):
    # The user part b[i:e], and a password behind a colon.
    k = i
    while k < e and b[k] != 58:
        k += 1
    pseudonym(b, i, k, keys)
    if k < e:
        fill(b, k + 1, e, 33)
    return e


def scheme(b, i, e):
    # Behind "sip:" or "sips:"; below 0: behind "tel:"; else 0.
    k = match(b, i, e, b"sip", 3)
    if k:
        i = k
        k = match(b, i, e, b"s:", 2)
        if k == 0:
            k = match(b, i, e, b":", 1)
        return k
    return -match(b, i, e, b"tel:", 4)


def users(b, i, e, keys):
    # The user parts of all URIs in a line.
    while i < e:
        k = 0
        if i + 4 < e and (b[i + 3] == 58 or b[i + 4] == 58):
            k = scheme(b, i, e)
        i += 1
        if k > 0:
            i = k
            k = at(b, k, e)
            if k:
                i = user(b, i, k, keys)
        elif k < 0:
            k = -k
            i = k
            while k < e and b[k] > 32 and b[k] != 59 and b[k] != 44:
                if b[k] == 62 or b[k] == 60 or b[k] == 34:
                    break
                k += 1
            i = pseudonym(b, i, k, keys)
    return e


def owner(b, i, e, keys):
    # The value of "username", up to an "@"; a URI is left to `users`.
    if i < e and b[i] == 34:
        i += 1
    if scheme(b, i, e):
        return i
    k = i
    while k < e and b[k] > 32 and b[k] != 34 and b[k] != 44 and b[k] != 64:
        k += 1
    return pseudonym(b, i, k, keys)


def own(b, i, e):
    # Whether the line at i is a Call-ID, in which no user is looked for.
    k = match(b, i, e, b"call-id", 7)
    if k == 0:
        k = match(b, i, e, b"i", 1)
    while k and k < e and (b[k] == 32 or b[k] == 9):
        k += 1
    return k and k < e and b[k] == 58
