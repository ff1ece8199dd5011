"""Decode one HEP v3 packet, strictly or as leniently as real receivers do.

Written from the specification (HEP3 rev 37) and from what receivers accept. It shares no
code with the device's encoder, so that each checks the other.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_ntop
from typing import NamedTuple

from uhep_tools import chunks as c
from uhep_tools.faults import FAULTS, REMARKS, Fault, HepError
from uhep_tools.frame import HEADER, frame_length
from uhep_tools.inflate import inflate
from uhep_tools.remarks import remarks

__all__ = ["FAULTS", "REMARKS", "Chunk", "Fault", "HepError", "Packet", "decode"]


class Chunk(NamedTuple):
    """One chunk as found. offset: of its header, from the packet's first octet."""

    offset: int
    vendor: int
    type: int
    body: bytes

    @property
    def name(self) -> str:
        if self.vendor:
            return f"chunk {self.type:#06x} of vendor {self.vendor:#06x}"
        kind = c.GENERIC.get(self.type)
        return f"chunk {self.type:#06x}" + (f" ({kind.name})" if kind else "")


@dataclass
class Packet:
    """A decoded packet. In lenient mode a field whose chunk is absent or unusable is None.

    src, dst are text; sec, usec Unix time (UTC); payload is inflated if it was compressed
    (chunk 0x10), and empty if it could not be. mos is in hundredths, jitter as on the wire.
    lint lists the remarks, and in lenient mode the faults too.
    """

    chunks: list[Chunk] = field(default_factory=list)
    total: int = 0
    family: int | None = None
    proto: int | None = None
    src: str | None = None
    dst: str | None = None
    sport: int | None = None
    dport: int | None = None
    sec: int | None = None
    usec: int | None = None
    type: int | None = None
    node_id: int | None = None
    key: bytes | None = None
    cid: bytes | None = None
    node_name: bytes | None = None
    payload: bytes = b""
    compressed: str | None = None
    vlan: int | None = None
    mos: int | None = None
    r_factor: int | None = None
    jitter: int | None = None
    group: bytes | None = None
    lint: list[Fault] = field(default_factory=list)

    @property
    def order(self) -> list[tuple[int, int, int]]:
        """(vendor, type, length with header) of each chunk, in the order of the wire."""
        return [(chunk.vendor, chunk.type, len(chunk.body) + HEADER) for chunk in self.chunks]

    @property
    def stamp_us(self) -> int:
        """Capture time in microseconds since 1970, UTC; 0 if the sender had no time."""
        return self.sec * 1_000_000 + (self.usec or 0) if self.sec else 0

    @property
    def faults(self) -> list[Fault]:
        """The part of lint for which strict decoding refuses the packet."""
        return [fault for fault in self.lint if fault.refused]


# The generic chunks that become fields of a Packet as they are.
_FIELDS = {
    c.FAMILY: "family",
    c.PROTO: "proto",
    c.SPORT: "sport",
    c.DPORT: "dport",
    c.SEC: "sec",
    c.USEC: "usec",
    c.TYPE: "type",
    c.NODE_ID: "node_id",
    c.KEY: "key",
    c.CID: "cid",
    c.NODE_NAME: "node_name",
    c.VLAN: "vlan",
    c.MOS: "mos",
    c.R_FACTOR: "r_factor",
    c.JITTER: "jitter",
    c.GROUP: "group",
}


def decode(
    data: bytes, strict: bool = True, max_inflate: int = 262144, remark: bool = True
) -> Packet:
    """Decode one packet: a whole datagram, or a frame that a StreamReader cut out.

    strict: raise HepError at the first fault. Otherwise go on as receivers do: any chunk may
    be missing, of duplicates the last wins, of a wrong length what is there is used, a number
    of the wrong width is ignored, and every fault is in the packet's lint. What is no HEP v3
    frame at all raises in both modes. max_inflate: octets a compressed payload may grow to.
    remark: look also for what is lawful and yet wrong for some; a quarter of the time.
    """
    data = bytes(data)
    if len(data) < HEADER:
        raise HepError("too-short", 0, f"{len(data)} octets; a HEP header alone has {HEADER}")
    out = _Decoder(data, strict, max_inflate).decode()
    if remark:
        out.lint += remarks(out)
    return out


class _Decoder:
    """One packet being decoded: its octets, what was found, what was wrong."""

    def __init__(self, data: bytes, strict: bool, max_inflate: int):
        self.data = data
        self.strict = strict
        self.max_inflate = max_inflate
        self.out = Packet(total=frame_length(data))
        self.end = min(self.out.total, len(data))
        self.seen: set[int] = set()  # generic types that are there, usable or not
        self.found: dict[int, Chunk] = {}  # generic type -> its last usable chunk

    def decode(self) -> Packet:
        out = self.out
        size = len(self.data)
        if out.total != size:
            self.note("total-length", 4, f"header says {out.total} octets, packet has {size}")
        for chunk in self.walk():
            out.chunks.append(chunk)
            if chunk.vendor == 0:
                self.keep(chunk)
        for kind, attribute in _FIELDS.items():
            if chunk := self.found.get(kind):
                numeric = c.GENERIC[kind].width
                value = int.from_bytes(chunk.body, "big") if numeric else chunk.body
                setattr(out, attribute, value)
        self.check_complete()
        self.check_addresses()
        self.take_payload()
        return out

    def note(self, name: str, offset: int, sentence: str) -> None:
        if self.strict:
            raise HepError(name, offset, sentence)
        self.out.lint.append(Fault(name, offset, sentence))

    def walk(self) -> Iterator[Chunk]:
        offset = HEADER
        while offset < self.end:
            left = self.end - offset
            if left < HEADER:
                self.note("chunk-header", offset, f"{left} octets left, a chunk has {HEADER}")
                return
            vendor, kind, length = struct.unpack_from(">HHH", self.data, offset)
            chunk = Chunk(offset, vendor, kind, self.data[offset + HEADER : offset + length])
            if length < HEADER:
                text = f"{chunk.name} has length {length}; its header alone has {HEADER}"
                self.note("chunk-length", offset, text)
                return
            if length > left:
                text = f"{chunk.name} has length {length}, {left} octets are left"
                self.note("chunk-overrun", offset, text)
                chunk = Chunk(offset, vendor, kind, self.data[offset + HEADER : self.end])
            yield chunk
            offset += length

    def keep(self, chunk: Chunk) -> None:
        """Judge a generic chunk by itself, and remember it if it can be used."""
        kind = c.GENERIC.get(chunk.type)
        if chunk.type == 0:
            self.note("type-zero", chunk.offset, "generic chunk types begin at 0x0001")
        if kind is None:
            return
        if chunk.type in self.seen and chunk.type not in c.REPEATABLE:
            self.note("duplicate-chunk", chunk.offset, f"{chunk.name} is there already")
        self.seen.add(chunk.type)
        if kind.width not in (None, len(chunk.body)):
            text = f"{chunk.name} has {len(chunk.body)} octets of value, not {kind.width}"
            self.note("chunk-width", chunk.offset, text)
            return
        if kind.text and 0 in chunk.body:
            at = chunk.body.index(0)
            self.note("nul-in-string", chunk.offset, f"{chunk.name} has a NUL at octet {at}")
        if chunk.type == c.USEC and (usec := int.from_bytes(chunk.body, "big")) > 999_999:
            self.note("microseconds", chunk.offset, f"{usec} microseconds; 999999 is the most")
        self.found[chunk.type] = chunk

    def offset(self, kind: int) -> int:
        return self.found[kind].offset

    def check_complete(self) -> None:
        wanted = [(c.GENERIC[kind].name, (kind,)) for kind in c.MANDATORY]
        wanted.append(("source address", (c.SRC4, c.SRC6)))
        wanted.append(("destination address", (c.DST4, c.DST6)))
        wanted.append(("payload", (c.PAYLOAD, c.COMPRESSED)))
        for name, kinds in wanted:
            if self.seen.isdisjoint(kinds):
                numbers = " or ".join(f"{kind:#06x}" for kind in kinds)
                self.note("missing-chunk", self.end, f"no chunk {numbers} ({name})")

    def check_addresses(self) -> None:
        out = self.out
        four = [kind for kind in (c.SRC4, c.DST4) if kind in self.found]
        six = [kind for kind in (c.SRC6, c.DST6) if kind in self.found]
        if four and six:
            at = max(min(map(self.offset, four)), min(map(self.offset, six)))
            self.note("mixed-addresses", at, "IPv4 and IPv6 addresses; one pair is right")
        elif (four or six) and out.family is not None:
            self.check_family(c.INET6 if six else c.INET)
        if six and not (four and out.family == c.INET):
            source, target, kind = c.SRC6, c.DST6, AF_INET6
        else:
            source, target, kind = c.SRC4, c.DST4, AF_INET
        if source in self.found:
            out.src = inet_ntop(kind, self.found[source].body)
        if target in self.found:
            out.dst = inet_ntop(kind, self.found[target].body)

    def check_family(self, right: int) -> None:
        family = self.out.family
        if family != right and not (right == c.INET6 and family in c.FOREIGN_INET6):
            text = f"family {family}, but the addresses are of family {right}"
            self.note("family", self.offset(c.FAMILY), text)

    def take_payload(self) -> None:
        out = self.out
        plain, packed = self.found.get(c.PAYLOAD), self.found.get(c.COMPRESSED)
        if plain and packed:
            at = max(plain.offset, packed.offset)
            self.note("two-payloads", at, "payload both plain (0x000f) and compressed (0x0010)")
        if plain:
            out.payload = plain.body
        elif packed:
            try:
                out.compressed, out.payload = inflate(packed.body, self.max_inflate)
            except HepError as error:
                self.note(error.name, packed.offset, error.sentence)
