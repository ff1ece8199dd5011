# Part of uhep, MIT licence.
"""What the filters' keys may say, and what it means. Needed once, at the start."""

from uhep.flow import address

_METHODS = (
    "INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE INFO PRACK UPDATE SUBSCRIBE NOTIFY REFER"
)
METHODS = (_METHODS + " PUBLISH other").split()
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "6xx")

_MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"


def _all(value, good):
    return isinstance(value, (list, tuple)) and all([good(v) for v in value])


# Each gives what would be right, or None.


def methods(value):
    return None if _all(value, lambda v: v in METHODS) else "a list of " + ", ".join(METHODS)


def responses(value):
    return None if _all(value, lambda v: v in CLASSES) else "a list of " + ", ".join(CLASSES)


def peers(value):
    if _all(value, prefix):
        return None
    return 'a list of addresses or prefixes: "192.0.2.0/24", "2001:db8::/32"'


def rates(value):
    if _all(value, lambda n: type(n) is int and 0 <= n <= 1000) and len(value) == 4:
        return None
    return "a list of four: packets a second of class 0 to 3, up to 1000; 0: no limit"


def prefix(text):
    """[(octets, bits)] of "address/bits", as the head of a flow may have them; [] if it is none.

    IPv4 stands there as such and as IPv4 in IPv6.
    """
    try:
        host, _, bits = text.partition("/")
        octets = address(host)
        n = int(bits) if bits else 8 * len(octets)
        if not 0 <= n <= 8 * len(octets):
            return []
    except (ValueError, AttributeError):
        return []
    found = [(octets, n)]
    if len(octets) == 4:
        found.append((_MAPPED + octets, 96 + n))
    return found
