"""What is lawful in a HEP v3 packet and yet goes wrong at one receiver or another."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from uhep_tools import chunks as c
from uhep_tools.faults import Fault

if TYPE_CHECKING:
    from uhep_tools.hep import Chunk, Packet

_KEY_SAFE = 99  # octets: sngrep copies the key into a buffer of 100
_PACKED = (b"\x78\x01", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b\x08")


def remarks(packet: "Packet") -> Iterator[Fault]:
    """Yield every remark on a decoded packet, in the order of its chunks."""
    for chunk, after in zip_longest(packet.chunks, packet.chunks[1:]):
        for name, sentence in _on_chunk(packet, chunk, after):
            yield Fault(name, chunk.offset, sentence)


def _on_chunk(
    packet: "Packet", chunk: "Chunk", after: "Chunk | None"
) -> Iterator[tuple[str, str]]:
    if chunk.vendor:
        if chunk.type in c.GENERIC:
            name = c.GENERIC[chunk.type].name
            yield "vendor-type", f"{chunk.name} is read as {name} by some; use 0x8000 and up"
        return
    kind = c.GENERIC.get(chunk.type)
    if kind and kind.text and not chunk.body:
        yield "empty-string", f"{chunk.name} is empty; leave it out"
    if kind and kind.width not in (None, len(chunk.body)):
        return
    value = int.from_bytes(chunk.body, "big") if kind and kind.width else 0
    match chunk.type:
        case c.FAMILY if value in c.FOREIGN_INET6:
            yield (
                "foreign-family",
                f"family {value} is IPv6 on {c.FOREIGN_INET6[value]}; 10 is due",
            )
        case c.PROTO if value not in c.IP_PROTOCOLS:
            known = ", ".join(f"{number} {name}" for number, name in c.IP_PROTOCOLS.items())
            yield "ip-protocol", f"IP protocol {value}; known are {known}"
        case c.SEC if value == 0:
            yield "time-unset", "seconds are 0: receivers put their own time"
        case c.TYPE if value == 0:
            yield "type-reserved", "payload type 0 is reserved"
        case c.TYPE if value != c.SIP and not packet.cid:
            yield "no-correlation", f"payload type {value} needs a correlation id, the Call-ID"
        case c.NODE_ID if value and value & 0xFFFF == 0:
            yield "node-id-swapped", f"capture id {value}; {value >> 16} may be meant"
        case c.KEY if len(chunk.body) > _KEY_SAFE:
            yield "key-length", f"key of {len(chunk.body)} octets; {_KEY_SAFE} are safe"
        case c.CID if not after or after.vendor > 0xFF:
            # Kamailio reads on to a zero octet: the high one of the next chunk's vendor.
            yield "correlation-last", "no generic chunk follows; put it before the payload"
        case c.PAYLOAD | c.COMPRESSED:
            if not chunk.body:
                yield "empty-payload", f"{chunk.name} has no octets"
            if chunk.type == c.PAYLOAD and chunk.body.startswith(_PACKED):
                yield "packed-payload", "begins like zlib or gzip; compressed belongs in 0x0010"
            if after:
                yield "payload-not-last", f"{after.name} follows; the payload should be last"
