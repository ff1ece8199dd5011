"""Write captured packets as the frames that were on the wire, for Wireshark and sngrep."""

from pathlib import Path

from scapy.data import DLT_EN10MB
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import PcapWriter

from uhep_tools.hep import Packet

_MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}  # HEP does not tell them
_TCP_LIKE = (6, 22)  # 22 is how some say TLS; the payload was captured in the clear
_LONGEST = 65535 - 40 - 20  # octets of payload in one IPv6 TCP segment, and under UDP's limit
_LATEST = (1 << 32) * 1_000_000 - 1  # microseconds that a pcap file can say


class PcapFile:
    """A pcap file being written; use it in a `with`.

    The frames are rebuilt: addresses, ports, time and payload are those of the HEP packet,
    the TCP numbers run on from 1 in each direction, all else is made up. IP protocols other
    than TCP and TLS come out as UDP.
    """

    def __init__(self, path: Path):
        """Raises OSError if path can not be written."""
        self._writer = PcapWriter(str(path), linktype=DLT_EN10MB, snaplen=1 << 18)
        self._writer.write_header(None)
        self._sent: dict[tuple, int] = {}  # direction -> sequence number that is next

    def __enter__(self) -> "PcapFile":
        return self

    def __exit__(self, *_) -> None:
        self._writer.close()

    def write(self, packet: Packet, received_us: int | None = None) -> str | None:
        """Append a packet. Returns None, or why there is no frame for it.

        received_us: the time for a packet whose sender had none, Unix microseconds.
        """
        if packet.src is None or packet.dst is None:
            return "without addresses"
        if not packet.payload:
            return "without payload"
        tcp = packet.proto in _TCP_LIKE
        if not tcp and len(packet.payload) > _LONGEST:
            return "too long for a datagram"
        stamp = min(packet.stamp_us or received_us or 0, _LATEST)
        for at in range(0, len(packet.payload), _LONGEST):
            part = packet.payload[at : at + _LONGEST]
            frame = self._ip(packet) / (self._tcp(packet, len(part)) if tcp else self._udp(packet))
            octets = bytes(Ether(**_MACS) / frame / part)
            self._writer.write_packet(octets, stamp // 1_000_000, stamp % 1_000_000)
        return None

    @staticmethod
    def _ip(packet: Packet) -> IP | IPv6:
        return (IPv6 if ":" in packet.src else IP)(src=packet.src, dst=packet.dst)

    @staticmethod
    def _udp(packet: Packet) -> UDP:
        return UDP(sport=packet.sport or 0, dport=packet.dport or 0)

    def _tcp(self, packet: Packet, size: int) -> TCP:
        here, there = (packet.src, packet.sport), (packet.dst, packet.dport)
        seq = self._sent.get((here, there), 1)
        self._sent[here, there] = (seq + size) % (1 << 32)
        ack = self._sent.get((there, here), 1)
        sport, dport = packet.sport or 0, packet.dport or 0
        return TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags="PA")
