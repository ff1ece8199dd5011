"""What can be wrong with a HEP v3 frame: the single list of names, and how a fault is told.

The names are stable: the Wireshark dissector, the server's counters and tests use them.
"""

from dataclasses import dataclass

# Name -> what it means. Strict decoding refuses all of these.
_REFUSED = {
    "too-short": "fewer than the 6 octets of a HEP header",
    "magic": "does not begin with HEP3",
    "hep-v1": "a HEPv1 packet: recognised, not decoded",
    "hep-v2": "a HEPv2 packet: recognised, not decoded",
    "eep1": "begins with EEP1, the magic of an expired draft",
    "total-length": "total length is below 6, or differs from the size of the packet",
    "frame-limit": "a frame longer than the stream reader's limit",
    "chunk-header": "1 to 5 octets are left where a chunk header of 6 should be",
    "chunk-length": "chunk length is below 6, the size of its own header",
    "chunk-overrun": "chunk reaches beyond the end of the packet",
    "chunk-width": "numeric chunk has a body of the wrong width",
    "type-zero": "chunk of vendor 0 and type 0, which does not exist",
    "duplicate-chunk": "a chunk that has one value is there twice",
    "nul-in-string": "text chunk holds a NUL octet",
    "missing-chunk": "a mandatory chunk, or the payload, is absent",
    "mixed-addresses": "both IPv4 and IPv6 address chunks are present",
    "family": "address family does not fit the address chunks",
    "microseconds": "microseconds above 999999",
    "two-payloads": "payload is present both plain (0x0f) and compressed (0x10)",
    "compression": "compressed payload is neither zlib nor gzip",
    "inflate": "compressed payload is damaged, cut short or followed by other octets",
    "inflate-limit": "compressed payload grows beyond the limit when inflated",
}

# Strict decoding accepts these and remarks on them.
_REMARKED = {
    "foreign-family": "IPv6 written as 23, 28 or 30, the sender's own AF_INET6; 10 is right",
    "node-id-swapped": "capture id with low 16 bits 0 and high ones not: likely swapped halves",
    "empty-string": "text chunk without text; it is better left out",
    "empty-payload": "payload chunk without payload",
    "packed-payload": "plain payload chunk (0x0f) holds a zlib or gzip stream",
    "payload-not-last": "chunks after the payload upset Kamailio over TCP and Wireshark",
    "correlation-last": "correlation id is not followed by a 00 octet, where Kamailio stops",
    "no-correlation": "payload other than SIP without a correlation id: Homer drops it",
    "key-length": "authentication key above 99 octets: sngrep crashes at 101",
    "vendor-type": "vendor chunk with a generic type number: Homer and hep-js mistake it",
    "ip-protocol": "IP protocol is none of 6 TCP, 17 UDP, 22 TLS, 132 SCTP",
    "type-reserved": "payload type 0 is reserved: heplify-server drops it",
    "time-unset": "capture time has seconds 0: the receiver puts its own time",
}

FAULTS = _REFUSED | _REMARKED
REMARKS = frozenset(_REMARKED)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a packet.

    name: a key of FAULTS. offset: the first octet of the chunk at fault, counted from the
    packet's first octet (0 for the magic, 4 for the total length, the packet's end for
    something missing). sentence: what was found and what would be right.
    """

    name: str
    offset: int
    sentence: str

    @property
    def refused(self) -> bool:
        """True if strict decoding refuses the packet for it, False for a remark."""
        return self.name not in REMARKS

    def __str__(self) -> str:
        return f"{self.name} at offset {self.offset}: {self.sentence}"


class HepError(ValueError):
    """A packet or stream that is refused; carries the fields of its Fault."""

    def __init__(self, name: str, offset: int, sentence: str):
        self.fault = Fault(name, offset, sentence)
        self.name = name
        self.offset = offset
        self.sentence = sentence
        super().__init__(str(self.fault))
