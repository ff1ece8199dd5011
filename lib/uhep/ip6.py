# Part of uhep, MIT licence.
"""IPv6 addresses as text."""

from struct import pack


def octets(host):
    """The 16 octets of an IPv6 address (RFC 4291 2.2); a zone ("%eth0") is left out.

    Raises ValueError or another exception for what is none.
    """
    text = host.split("%")[0]
    if "." in text:  # ::ffff:192.0.2.1
        text, v4 = text.rsplit(":", 1)
        a, b, c, d = [int(n) for n in v4.split(".")]
        text += ":%x:%x" % (a << 8 | b, c << 8 | d)
    halves = [[int(w, 16) for w in h.split(":") if w] for h in text.split("::")]
    words = halves[0]
    if len(halves) == 2:
        words = words + [0] * (8 - len(words) - len(halves[1])) + halves[1]
    if len(words) != 8 or max(words) > 0xFFFF:
        raise ValueError
    return pack(">8H", *words)
