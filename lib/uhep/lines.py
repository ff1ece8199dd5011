# Part of uhep, MIT licence.
"""What the framer reads of a SIP message: start line, end of the header, Content-Length."""

_NAME = b"content-length"


def starts(b, i, e):
    """Whether the line b[i:e], of any SIP version, begins a message."""
    k = b.find(b" ", i, e)
    if _version(b, i, e):
        return b.find(b"/", i + 4, k if k > 0 else e) < 0  # else what is left of a Via
    if k <= i or b.find(b":", i, k) >= 0:  # no method, or a header
        return False
    while k > 0:
        k += 1
        if _version(b, k, e):
            return b.find(b"/", k + 4, e) < 0  # else a Via
        k = b.find(b" ", k, e)
    return False


def _version(b, i, e):
    # Whether "SIP/" stands at i, in any case (RFC 3261 7.1).
    if i + 4 > e or b[i + 3] != 47 or b[i] | 32 != 115:
        return False
    return b[i + 1] | 32 == 105 and b[i + 2] | 32 == 112


def next_start(b, i, n):
    """Where the next start line in b[i:n] begins; n: there is none. b[i] begins a line."""
    while i < n:
        k = b.find(b"\n", i, n) + 1
        if not k:
            return n
        if starts(b, i, k):
            return i
        i = k
    return n


def header_end(b, i, n):
    """Where the body begins, behind the first empty line in b[i:n]; 0: there is none."""
    k = b.find(b"\n\r\n", i, n) + 3
    i = b.find(b"\n\n", i, n if k == 2 else k - 2) + 2
    if i > 1:
        return i
    return k if k > 2 else 0


def content_length(b, i, e):
    """The first valid Content-Length of the header b[i:e], which ends with an empty line.

    In any case, compact, folded. 0: there is none; -1: there is one, but none is valid.
    """
    found = 0
    while True:
        i = b.find(b"\n", i, e) + 1
        if not 0 < i < e:
            return found
        if b[i] in b"lLcC":
            k = _colon(b, i)
            if k:
                found = _number(b, k + 1)
                if found >= 0:
                    return found


# The header ends with an empty line, so that none of these two runs out of it.


def _colon(b, i):
    # Where the colon of a Content-Length stands whose name may begin at i, or 0.
    if b[i] in b"lL":
        i += 1
    else:
        k = 0
        while k < 14 and b[i] > 13 and b[i] | 0x20 == _NAME[k]:
            i += 1
            k += 1
        if k < 14:
            return 0
    while b[i] in b" \t":
        i += 1
    return i if b[i] == 58 else 0


def _number(b, i):
    # The number at i; -1: there is none. Large ones stay above 10^7.
    while b[i] in b" \t\r\n":
        if b[i] == 10 and b[i + 1] not in b" \t":
            return -1
        i += 1
    k = i
    n = 0
    while b[i] in b"0123456789":
        if n < 10000000:
            n = n * 10 + b[i] - 48
        i += 1
    if i == k:
        return -1
    while b[i] in b" \t":
        i += 1
    return n if b[i] in b"\r\n" else -1
