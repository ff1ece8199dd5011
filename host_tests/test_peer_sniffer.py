"""The sniffer against tshark on the same traffic."""

import random
import socket
import subprocess
from collections import Counter

import pytest
from conftest import ROOT
from peers import baresip, kamailio, network, sipp
from peers.listener import listener
from peers.sniffer import of_sniffer, of_tshark, rtcp_of_tshark, sniffer, tshark
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap
from uhep_tools.hep import decode
from uhep_tools.ports import free_port
from waiting import until

LONG = (ROOT / "host_tests/vectors/rfc4475/longreq.dat").read_bytes()
MACS = b"\2\0\0\0\0\2\2\0\0\0\0\1"
MARK = b"MESSAGE sip:mark SIP/2.0\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\n\r\n"


def marked(send, name, pcap, collector):
    """Calls send(message) until both have it."""

    def both():
        send(MARK % name)
        if pcap.exists() and name in pcap.read_bytes():
            return any(name in packet for packet in list(collector.packets))
        return False

    until(both, f"{name} to be seen by both")


def sender(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return lambda data: sock.sendto(data, ("127.0.0.1", port))


def ip(*commands):
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True, timeout=10)


def without_marks(found):
    return Counter(row for row in found if not row[5].startswith("mark-"))


def live(folder):
    ip("link set lo mtu 1400")  # so that the long ones come in fragments
    ports = [free_port()]
    with (
        listener() as collector,
        listener() as nobody,
        sniffer(folder, "lo", collector.port, streams=16),
        tshark(folder, "lo") as pcap,
        kamailio.proxy(folder, nobody.port, {}) as proxy,
    ):
        mark = sender(ports[0])
        marked(mark, b"mark-begin", pcap, collector)
        for transport in "udp", "tcp":
            with sipp.uas(folder, transport) as uas:
                ports += [uas, sipp.call(folder, uas, transport, count=10, rate=20).port]
        for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                for _ in range(5):
                    sock.sendto(LONG, (host, ports[0]))
        with (
            baresip.phone(folder, "alice", proxy) as alice,
            baresip.phone(folder, "bob", proxy) as bob,
        ):
            ports += [proxy, alice.sip, bob.sip]
            wait = waiter(collector)
            wait(2, b"SIP/2.0 200", b" REGISTER\r\n")
            alice.command("dial", "sip:bob@uhep.test")
            wait(2, b"ACK ", b" ACK\r\n")
            wait(2, b'"sender_information"', b"")  # a phone reports every 5 s
            alice.command("hangup")
            wait(2, b"SIP/2.0 200", b" BYE\r\n")
        marked(mark, b"mark-end", pcap, collector)
    return pcap, list(collector.packets), ports


def waiter(collector):
    def wait(count, start, cseq):
        def enough():
            packets = list(collector.packets)
            return sum(start in packet and cseq in packet for packet in packets) >= count

        until(enough, f"{count} x {start} {cseq}")

    return wait


def replay(folder, frames):
    """The frames once more, with VLAN tags, from one end of a wire to the other."""
    ip(
        "link add va type veth peer name vb",
        "link set va mtu 9000",
        "link set vb mtu 9000",
        "link set va up",
        "link set vb up",
    )
    with (
        listener() as collector,
        sniffer(folder, "vb", collector.port, streams=16),
        tshark(folder, "vb") as pcap,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire,
    ):
        wire.bind(("va", 0))

        def mark(data):
            wire.send(bytes(Ether(MACS + b"\x08\0") / IP() / UDP(sport=5060, dport=5060) / data))

        marked(mark, b"mark-begin", pcap, collector)
        for frame in frames:
            wire.send(frame)
        marked(mark, b"mark-end", pcap, collector)
    return pcap, list(collector.packets)


def tagged(pcap):
    """The frames of a file, with no tag, one (802.1Q) or two (802.1ad), by chance."""
    draw = random.Random(1)
    tags = (b"", b"\x81\x00\x00\x07", b"\x88\xa8\x00\x05\x81\x00\x00\x09")
    frames = [bytes(frame) for frame in rdpcap(str(pcap))]
    return [MACS + draw.choice(tags) + frame[12:] for frame in frames]


@pytest.mark.peer("tshark", "sipp", "baresip", "kamailio")
def test_the_same_messages(tmp_path):
    """the sniffer finds what tshark finds: sipp, baresip, RTCP, fragments, VLAN, QinQ"""

    def run():
        network.own_sys()
        pcap, packets, ports = live(tmp_path)
        return pcap, packets, ports, *replay(tmp_path, tagged(pcap))

    pcap, packets, ports, pcap_again, packets_again = network.isolated(run)
    theirs = without_marks(of_tshark(pcap, ports))
    assert without_marks(of_sniffer(packets)) == theirs
    assert sum(theirs.values()) > 2 * 60 + 20
    assert sum(row[4].startswith("INVITE") and len(row[6]) == 2 * len(LONG) for row in theirs) == 2
    assert len({row[4].split()[0] for row in theirs}) >= 5
    # RTCP bears the Call-ID of the call.
    calls = {row[5] for row in theirs if row[4].startswith("BYE sip:bob")}
    reports = [packet for packet in map(decode, packets) if packet.type == 5]
    assert len(reports) == rtcp_of_tshark(pcap, ports) > 0
    assert {packet.cid.decode() for packet in reports} == calls
    # And with tags before it all.
    again = without_marks(of_sniffer(packets_again))
    assert again == without_marks(of_tshark(pcap_again, [*ports, 5060]))
    assert again == theirs
