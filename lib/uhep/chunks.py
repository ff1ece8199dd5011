# Part of uhep, MIT licence.
"""What packets carry beside the usual chunks. Imported only for a flow that asks for it."""

from uhep.flow import chunk

# HEP revision 37.
MOS = 0x20  # x100
R_FACTOR = 0x21
JITTER = 0x23
VLAN = 0x12
GROUP = 0x29  # bytes, 1 to 64

_WIDTHS = {MOS: 2, R_FACTOR: 2, JITTER: 4, VLAN: 2, GROUP: 0}


def optional(chunks, at):
    """The chunks of {type: value} in octets, and {type: where its value begins}.

    at: where the first of them begins. Raises ValueError for what does not fit its field.
    """
    octets = b""
    where = {}
    for key in chunks:
        body = chunks[key]
        if key == GROUP and not (0 < len(body) <= 64 and 0 not in body):
            raise ValueError("group %r: 1 to 64 octets without NUL" % body)
        if key not in _WIDTHS:
            raise ValueError("%r is no optional chunk" % key)
        where[key] = at + len(octets) + 6
        octets += chunk(key, body, _WIDTHS[key])
    return octets, where
