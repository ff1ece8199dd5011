"""The text of a dial plan, as ATAs have it: `(9xx|[2-8]xxx|0x.|*xx|x.#)`. Loaded once.

Alternatives stand between |; x is a digit, [2-8] one of these, any other of 0-9 * # A-D itself; a
. after one of them means it may come any number of times, or not at all. <9:> and <0:0041> stand
for what is dialled before the colon, and put what is after it in its place. A # at the end of an
alternative ends the number and is no part of it. Blanks, and the brackets around the whole, mean
nothing.
"""

_DIGITS = "0123456789"
_ALL = "0123456789*#ABCD"


def ways(text):
    """A list for each alternative, of (what may come, whether again and again, what is put before
    it, whether it is part of the number). ValueError says what is wrong with the text."""
    text = "".join(text.split())
    if text[:1] == "(" and text[-1:] == ")":
        text = text[1:-1]
    return [_elements(each) for each in text.split("|")]


def _elements(text):
    if not text:
        raise ValueError("a dial plan has no empty alternatives")
    found = []
    at = 0
    before = ""
    while at < len(text):
        char = text[at]
        if char == "<":
            taken, before, at = _replacement(text, at)
            for each in taken:
                found.append((each, False, before, False))
                before = ""
            continue
        if char == ".":
            if not found or found[-1][1] or before or text[at - 1] == ">":
                raise ValueError("a dial plan has a . after nothing: " + text)
            allowed, _, put, kept = found[-1]
            found[-1] = (allowed, True, put, kept)
        else:
            allowed, at = _one(text, at)
            found.append((allowed, False, before, True))
            before = ""
        at += 1
    if not found:
        raise ValueError("a dial plan calls a number for no digits: " + text)
    if before:
        raise ValueError("a dial plan can not add to the end of a number: " + text)
    if found[-1][0] == "#" and len(found) > 1:
        found[-1] = ("#",) + found[-1][1:3] + (False,)
    return found


def _one(text, at):
    """(what may come, where it ends) for what stands at text[at]."""
    char = text[at].upper()
    if char == "X":
        return _DIGITS, at
    if char in _ALL:
        return char, at
    end = text.find("]", at)
    if char != "[" or end <= at + 1:
        raise ValueError("a dial plan can not have %r: %s" % (text[at], text))
    allowed = ""
    inner = text[at + 1 : end].upper()
    while inner:
        if inner[1:2] == "-" and inner[2:3]:
            low, high = _ALL.find(inner[0]), _ALL.find(inner[2])
            if low < 0 or high < low:
                raise ValueError("a dial plan can not have [%s]" % text[at + 1 : end])
            allowed += _ALL[low : high + 1]
            inner = inner[3:]
        elif inner[0] in _ALL:
            allowed += inner[0]
            inner = inner[1:]
        else:
            raise ValueError("a dial plan can not have %r in [ ]" % inner[0])
    return allowed, end


def _replacement(text, at):
    """([what is taken], what is put in its place, where it goes on) of a <taken:put>."""
    end = text.find(">", at)
    taken, colon, put = text[at + 1 : max(end, 0)].partition(":")
    if not colon:
        raise ValueError("a dial plan has a < without : and >: " + text)
    found = []
    inner = 0
    while inner < len(taken):
        allowed, inner = _one(taken, inner)
        found.append(allowed)
        inner += 1
    for char in put:
        if char not in _ALL + "+":
            raise ValueError("a dial plan can not put %r into a number" % char)
    return found, put, end + 1
