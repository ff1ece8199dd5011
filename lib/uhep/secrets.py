# Part of uhep, MIT licence.
"""Where secrets stand in a message; `_secrets.py` is the same as machine code."""

from uhep.port import const
from uhep.words import blanks, fill, following, line, match, own, owner, users, word

_WHAT = const(46)  # 1 credentials, 2 keys of media, 4 bodies of MESSAGE, 8 DTMF in INFO, 16 users
_METHOD = const(47)  # as the scan has it


def name(b, i, e):
    # Which parameter of a digest begins at i: 1 a secret, 2 the user; 0: another.
    k = word(b, i, e) - i
    if k == 8:
        if match(b, i, e, b"response", 8):
            return 1
        if match(b, i, e, b"username", 8):
            return 2
    if k == 5 and match(b, i, e, b"nonce", 5):
        return 1
    if k == 6 and match(b, i, e, b"cnonce", 6):
        return 1
    if k == 9 and match(b, i, e, b"nextnonce", 9):
        return 1
    if k == 7 and match(b, i, e, b"rspauth", 7):
        return 1
    if k == 4 and match(b, i, e, b"auts", 4):
        return 1
    return 0


def secret(b, i, e):
    # The value at i, up to the comma behind its quotes; quotes stay. Where it ends.
    quoted = 0
    while i < e:
        if b[i] == 34:
            quoted ^= 1
        elif b[i] == 44 and quoted == 0:
            break
        else:
            if b[i] == 92 and quoted:
                b[i] = 120
                i += 1
                if i >= e:
                    break
            fill(b, i, i + 1, 33)
        i += 1
    return i


def parameter(b, i, e, keys):
    # The parameter at i, if it is to be redacted. Where to go on.
    k = name(b, i, e)
    i = word(b, i, e)
    if k:
        i = blanks(b, i, e)
        if match(b, i, e, b"=", 1):
            i = blanks(b, i + 1, e)
            if k == 1 and keys[_WHAT] & 1:
                return secret(b, i, e)
            if k == 2 and keys[_WHAT] & 16:
                return owner(b, i, e, keys)
    return i


def digest(b, i, e, keys):
    # The parameters in b[i:e], wherever their names stand, in quotes as well.
    while i < e:
        k = word(b, i, e)
        if k == i:
            i += 1
        else:
            i = parameter(b, i, e, keys)
    return e


def value(b, i, e):
    # Where the header's value at i ends, which goes on in lines that begin with a blank.
    while True:
        i = line(b, i, e)
        k = following(b, i, e)
        if k >= e or b[k] != 32 and b[k] != 9:
            return i
        i = k


def header(b, i, e):
    # Whether credentials stand behind the name at i, or a challenge: behind the name; for a
    # challenge below 0; else 0.
    k = match(b, i, e, b"proxy-", 6)
    if k == 0:
        k = match(b, i, e, b"www-", 4)
    if k == 0:
        k = i
    i = match(b, k, e, b"auth", 4)
    if i == 0:
        return 0
    k = match(b, i, e, b"orization", 9)
    if k:
        return k
    k = match(b, i, e, b"enticate", 8)
    if k == 0:
        k = match(b, i, e, b"entication-info", 15)
    return -k


def credentials(b, i, e, keys):
    # The header at i, if it is one of authentication; e: the end of the message.
    k = header(b, i, e)
    i = k
    if k < 0:
        i = -k
    while i < e and (b[i] == 32 or b[i] == 9):
        i += 1
    if k == 0 or i >= e or b[i] != 58:
        return 0
    e = value(b, i, e)
    i = blanks(b, i + 1, e)
    if k > 0 and keys[_WHAT] & 1:
        k = match(b, i, e, b"digest", 6)
        if k == 0 or k == blanks(b, k, e):
            return fill(b, i, e, 33)
    return digest(b, i, e, keys)


def media(b, i, e):
    # The keys in a line of SDP.
    k = match(b, i, e, b"a=crypto:", 9)
    if k == 0:
        k = match(b, i, e, b"a=key-mgmt:", 11)
        if k == 0:
            k = match(b, i, e, b"k=", 2)
        if k:
            fill(b, k, e, 33)
        return k
    i = k
    found = 0
    while k < e:
        if b[k] | 32 == 105:
            found = match(b, k, e, b"inline:", 7)
            if found:
                i = 0
                k = found
                while k < e and b[k] != 124 and b[k] != 59 and b[k] != 32 and b[k] != 9:
                    b[k] = 120
                    k += 1
                continue
        k += 1
    if i:
        fill(b, i, e, 33)
    return e


def body(b, i, e):
    # Where the body begins, behind the first empty line; e: there is none.
    while i < e and b[i] <= 13:
        i += 1
    while i < e:
        i = following(b, line(b, i, e), e)
        if i < e and (b[i] == 10 or b[i] == 13):
            return following(b, i, e)
    return e


def digits(b, i, e):
    # Whether it speaks of DTMF.
    while i < e:
        if b[i] | 32 == 97 and match(b, i, e, b"application/dtmf", 16):
            return 1
        i += 1
    return 0


def redact(b, i, e, keys):
    # A whole message, by what `keys` says.
    k = 0
    if keys[_METHOD] == 7:
        k = keys[_WHAT] & 4
    if keys[_METHOD] == 8 and keys[_WHAT] & 8:
        k = digits(b, i, e)
    if k:
        fill(b, body(b, i, e), e, 0)
    while i < e:
        k = b[i] | 32
        if keys[_WHAT] & 17 and (k == 97 or k == 112 or k == 119):  # a, p, w
            credentials(b, i, e, keys)
        k = line(b, i, e)
        if keys[_WHAT] & 2 and i + 1 < e and b[i + 1] == 61:
            media(b, i, k)
        if keys[_WHAT] & 16 and own(b, i, k) == 0:
            users(b, i, k, keys)
        i = following(b, k, e)
    return e
