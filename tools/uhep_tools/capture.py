"""HEP out of a network capture, pcap or pcapng: UDP datagrams and TCP streams.

IP fragments are joined, for a HEP packet is larger than the SIP message in it.
"""

from collections.abc import Iterator
from typing import BinaryIO

from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, defragment6
from scapy.packet import Packet as Layer
from scapy.packet import Raw
from scapy.sessions import IPSession
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
    join4, join6 = IPSession(), _Fragments6()
    streams: dict[tuple, Direction] = {}
    number = 0
    while True:
        try:
            frame = reader.read_packet(size=_LARGEST)
        except EOFError:
            break
        number += 1
        packet = join6.whole(frame) if IPv6ExtHdrFragment in frame else join4.process(frame)
        ip = packet and (packet.getlayer(IP) or packet.getlayer(IPv6))
        if not ip:
            continue
        stamp = int(frame.time * 1_000_000)
        where = f"frame {number}"
        if UDP in ip:
            udp = ip[UDP]
            data = _load(udp)
            if data.startswith(MAGIC):
                yield Record(data, where, stamp, endpoint(ip.src, udp.sport))
        elif TCP in ip:
            tcp = ip[TCP]
            key = (ip.src, tcp.sport, ip.dst, tcp.dport)
            if tcp.flags.S or key not in streams:
                if key in streams:
                    yield from streams[key].end()
                streams[key] = Direction(endpoint(ip.src, tcp.sport))
            seq = tcp.seq + 1 if tcp.flags.S else tcp.seq
            yield from streams[key].segment(seq, _load(tcp), where, stamp)
    for stream in streams.values():
        yield from stream.end()


def _load(layer: Layer) -> bytes:
    """The payload of UDP or TCP without what Ethernet pads a short frame with."""
    return layer.payload.load if isinstance(layer.payload, Raw) else b""


class _Fragments6:
    """IPv6 fragments until their packet is whole."""

    def __init__(self):
        self.waiting: dict[tuple, list[Layer]] = {}

    def whole(self, frame: Layer) -> Layer | None:
        key = (frame[IPv6].src, frame[IPv6].dst, frame[IPv6ExtHdrFragment].id)
        parts = self.waiting.setdefault(key, [])
        parts.append(frame)
        heads = [part[IPv6ExtHdrFragment] for part in parts]
        total = sum(len(head.payload) for head in heads)
        ends = [head.offset * 8 + len(head.payload) for head in heads if not head.m]
        if not ends or total < ends[0]:
            return None
        return defragment6(self.waiting.pop(key))
