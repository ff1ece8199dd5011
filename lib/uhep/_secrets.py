# Where secrets stand in a message, as machine code; see _words.py.

import micropython
from micropython import const

from uhep._words import blanks, fill, following, line, match, own, owner, users, word

_WHAT = const(46)  # 1 credentials, 2 keys of media, 4 bodies of MESSAGE, 8 DTMF in INFO, 16 users
_METHOD = const(47)  # as the scan has it


@micropython.viper
def name(b, i: int, e: int) -> int:
    # Which parameter of a digest begins at i: 1 a secret, 2 the user; 0: another.
    k = int(word(b, i, e)) - i
    if k == 8:
        if int(match(b, i, e, b"response", 8)):
            return 1
        if int(match(b, i, e, b"username", 8)):
            return 2
    if k == 5 and int(match(b, i, e, b"nonce", 5)):
        return 1
    if k == 6 and int(match(b, i, e, b"cnonce", 6)):
        return 1
    if k == 9 and int(match(b, i, e, b"nextnonce", 9)):
        return 1
    if k == 7 and int(match(b, i, e, b"rspauth", 7)):
        return 1
    if k == 4 and int(match(b, i, e, b"auts", 4)):
        return 1
    return 0


@micropython.viper
def secret(b, i: int, e: int) -> int:
    # The value at i, up to the comma behind its quotes; quotes stay. Where it ends.
    p = ptr8(b)
    quoted = 0
    while i < e:
        if p[i] == 34:
            quoted ^= 1
        elif p[i] == 44 and quoted == 0:
            break
        else:
            if p[i] == 92 and quoted:
                p[i] = 120
                i += 1
                if i >= e:
                    break
            fill(b, i, i + 1, 33)
        i += 1
    return i


@micropython.viper
def parameter(b, i: int, e: int, keys) -> int:
    # The parameter at i, if it is to be redacted. Where to go on.
    w = ptr8(keys)
    k = int(name(b, i, e))
    i = int(word(b, i, e))
    if k:
        i = int(blanks(b, i, e))
        if int(match(b, i, e, b"=", 1)):
            i = int(blanks(b, i + 1, e))
            if k == 1 and w[_WHAT] & 1:
                return int(secret(b, i, e))
            if k == 2 and w[_WHAT] & 16:
                return int(owner(b, i, e, keys))
    return i


@micropython.viper
def digest(b, i: int, e: int, keys) -> int:
    # The parameters in b[i:e], wherever their names stand, in quotes as well.
    while i < e:
        k = int(word(b, i, e))
        if k == i:
            i += 1
        else:
            i = int(parameter(b, i, e, keys))
    return e


@micropython.viper
def value(b, i: int, e: int) -> int:
    # Where the header's value at i ends, which goes on in lines that begin with a blank.
    p = ptr8(b)
    while True:
        i = int(line(b, i, e))
        k = int(following(b, i, e))
        if k >= e or p[k] != 32 and p[k] != 9:
            return i
        i = k


@micropython.viper
def header(b, i: int, e: int) -> int:
    # Whether credentials stand behind the name at i, or a challenge: behind the name; for a
    # challenge below 0; else 0.
    k = int(match(b, i, e, b"proxy-", 6))
    if k == 0:
        k = int(match(b, i, e, b"www-", 4))
    if k == 0:
        k = i
    i = int(match(b, k, e, b"auth", 4))
    if i == 0:
        return 0
    k = int(match(b, i, e, b"orization", 9))
    if k:
        return k
    k = int(match(b, i, e, b"enticate", 8))
    if k == 0:
        k = int(match(b, i, e, b"entication-info", 15))
    return 0 - k


@micropython.viper
def credentials(b, i: int, e: int, keys) -> int:
    # The header at i, if it is one of authentication; e: the end of the message.
    p = ptr8(b)
    w = ptr8(keys)
    k = int(header(b, i, e))
    i = k
    if k < 0:
        i = 0 - k
    while i < e and (p[i] == 32 or p[i] == 9):
        i += 1
    if k == 0 or i >= e or p[i] != 58:
        return 0
    e = int(value(b, i, e))
    i = int(blanks(b, i + 1, e))
    if k > 0 and w[_WHAT] & 1:
        k = int(match(b, i, e, b"digest", 6))
        if k == 0 or k == int(blanks(b, k, e)):
            return int(fill(b, i, e, 33))
    return int(digest(b, i, e, keys))


@micropython.viper
def media(b, i: int, e: int) -> int:
    # The keys in a line of SDP.
    p = ptr8(b)
    k = int(match(b, i, e, b"a=crypto:", 9))
    if k == 0:
        k = int(match(b, i, e, b"a=key-mgmt:", 11))
        if k == 0:
            k = int(match(b, i, e, b"k=", 2))
        if k:
            fill(b, k, e, 33)
        return k
    i = k
    found = 0
    while k < e:
        if p[k] | 32 == 105:
            found = int(match(b, k, e, b"inline:", 7))
            if found:
                i = 0
                k = found
                while k < e and p[k] != 124 and p[k] != 59 and p[k] != 32 and p[k] != 9:
                    p[k] = 120
                    k += 1
                continue
        k += 1
    if i:
        fill(b, i, e, 33)
    return e


@micropython.viper
def body(b, i: int, e: int) -> int:
    # Where the body begins, behind the first empty line; e: there is none.
    p = ptr8(b)
    while i < e and p[i] <= 13:
        i += 1
    while i < e:
        i = int(following(b, int(line(b, i, e)), e))
        if i < e and (p[i] == 10 or p[i] == 13):
            return int(following(b, i, e))
    return e


@micropython.viper
def digits(b, i: int, e: int) -> int:
    # Whether it speaks of DTMF.
    p = ptr8(b)
    while i < e:
        if p[i] | 32 == 97 and int(match(b, i, e, b"application/dtmf", 16)):
            return 1
        i += 1
    return 0


@micropython.viper
def redact(b, i: int, e: int, keys) -> int:
    # A whole message, by what `keys` says.
    p = ptr8(b)
    w = ptr8(keys)
    k = 0
    if w[_METHOD] == 7:
        k = w[_WHAT] & 4
    if w[_METHOD] == 8 and w[_WHAT] & 8:
        k = int(digits(b, i, e))
    if k:
        fill(b, int(body(b, i, e)), e, 0)
    while i < e:
        k = p[i] | 32
        if w[_WHAT] & 17 and (k == 97 or k == 112 or k == 119):  # a, p, w
            credentials(b, i, e, keys)
        k = int(line(b, i, e))
        if w[_WHAT] & 2 and i + 1 < e and p[i + 1] == 61:
            media(b, i, k)
        if w[_WHAT] & 16 and int(own(b, i, k)) == 0:
            users(b, i, k, keys)
        i = int(following(b, k, e))
    return e
