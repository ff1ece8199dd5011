# Part of uhep, MIT licence.
"""Redaction before a packet leaves the device: in place in the ring, at the same length."""

from struct import pack_into

from uhep.guard import Guard
from uhep.port import const

try:
    from uhep._secrets import redact
except Exception:
    from uhep.secrets import redact

_TYPE = const(62)  # of the payload, in a record
_IDS = const(28)
_METHOD = const(25)

# In the order of the bits of `what`, see _secrets.py.
KINDS = ("auth", "keys", "message", "dtmf", "users")


def wrong(value):
    """What a `redact` of the configuration should be, or None if it is that."""
    if isinstance(value, (list, tuple)) and all([kind in KINDS for kind in value]):
        return None
    return "a list of some of " + ", ".join(KINDS)


class Redact(Guard):
    """Replaces secrets in each SIP message and SDP that was stored, octet by octet.

    Memory: 48 octets and its code. A packet allocates nothing. What stood behind a record in
    the ring may hold an octet of it for a while longer, but is never sent.
    """

    def __init__(self, agent, kinds, salt):
        """kinds: some of KINDS; salt: text, for "users"."""
        super().__init__(agent)
        self._ring = agent.ring
        self._at = 0  # of the payload in its record
        self._keys = keys = bytearray(48)
        if salt:
            from hashlib import sha256

            salt = sha256(salt.encode()).digest()
            pack_into("32s12s", keys, 0, salt, sha256(salt).digest())
        for kind in kinds:
            keys[46] |= 1 << KINDS.index(kind)

    def admit(self, flow, way, buf, n):
        """Notes where the payload will be."""
        self._at = flow.fixed + self._ring.st[_IDS] + (12 if self._ring.st[_IDS] else 6)
        return self._next is None or self._next.admit(flow, way, buf, n)

    def stored(self, at, total):
        """Redacts it."""
        if self._ring.buf[at + _TYPE] & 0xFD == 1:  # SIP or SDP
            self._keys[47] = self._ring.st[_METHOD]
            redact(self._ring.buf, at + self._at, at + total, self._keys)
        if self._next is not None:
            self._next.stored(at, total)
