"""HEP out of a network capture, pcap or pcapng: UDP datagrams and TCP streams.

IP fragments are joined, for a HEP packet is larger than the SIP message in it.
"""

from collections.abc import Iterator
from typing import BinaryIO

from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet as Layer
from scapy.packet import Padding, Raw
from scapy.utils import PcapReader

from uhep_tools.frame import MAGIC
from uhep_tools.record import ReadError, Record
from uhep_tools.tcp import Direction
from uhep_tools.text import endpoint

_LARGEST = 1 << 18  # octets of a frame; scapy's own limit would cut the largest datagrams


def read_capture(file: BinaryIO) -> Iterator[Record]:
    """Yield a record for each HEP packet. Raises ReadError if the file is damaged at its head.

    A UDP payload is taken if it begins with HEP3, a TCP stream if it does where the capture
    first shows it. where: the number of the frame that completed the packet.
    """
    try:
        reader = PcapReader(file)
    except Scapy_Exception as error:
        raise ReadError(f"the capture can not be read: {error}") from None
    fragments = _Fragments()
    streams: dict[tuple, Direction] = {}
    number = 0
    while True:
        try:
            frame = reader.read_packet(size=_LARGEST)
        except EOFError:
            break
        number += 1
        ip = frame.getlayer(IP) or frame.getlayer(IPv6)
        layer = ip and fragments.join(ip)
        if not layer:
            continue
        stamp = int(frame.time * 1_000_000)
        where = f"frame {number}"
        peer = endpoint(ip.src, layer.sport)
        data = layer.payload.load if isinstance(layer.payload, Raw) else b""
        if isinstance(layer, UDP):
            if data.startswith(MAGIC):
                yield Record(data, where, stamp, peer)
            continue
        key = (ip.src, layer.sport, ip.dst, layer.dport)
        begins = layer.flags.S
        if begins or key not in streams:
            if key in streams:
                yield from streams[key].end()
            streams[key] = Direction(peer)
        yield from streams[key].segment(layer.seq + begins, data, where, stamp)
    for stream in streams.values():
        yield from stream.end()


class _Fragments:
    """IP fragments until their packet is whole, in whatever order they come."""

    def __init__(self):
        self.parts: dict[tuple, dict[int, bytes]] = {}  # packet -> offset -> octets
        self.sizes: dict[tuple, int] = {}  # packet -> octets, known from its last fragment

    def join(self, ip: Layer) -> Layer | None:
        """What the packet carries, from UDP or TCP on; None if it is neither or not whole yet."""
        if Padding in ip:  # Ethernet's, behind a short packet
            ip[Padding].underlayer.remove_payload()
        if IPv6ExtHdrFragment in ip:
            head = ip[IPv6ExtHdrFragment]
            kind, offset, more = head.nh, head.offset * 8, head.m
        elif IP in ip and (ip.frag or ip.flags.MF):
            head = ip
            kind, offset, more = ip.proto, ip.frag * 8, ip.flags.MF
        else:
            return ip.getlayer(UDP) or ip.getlayer(TCP)
        data = bytes(head.payload)
        key = (ip.src, ip.dst, kind, head.id)
        parts = self.parts.setdefault(key, {})
        parts[offset] = data
        if not more:
            self.sizes[key] = offset + len(data)
        if sum(map(len, parts.values())) != self.sizes.get(key):
            return None
        del self.parts[key], self.sizes[key]
        octets = b"".join(parts[at] for at in sorted(parts))
        return UDP(octets) if kind == 17 else TCP(octets) if kind == 6 else None
