"""The sniffer over crafted frames, on both interpreters: each message once, whatever cut it."""

import json
import os
import random
import subprocess
import sys
from functools import cache
from itertools import permutations
from struct import pack_into

import pytest
from conftest import ROOT
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    fragment6,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE

SCRIPT = ROOT / "host_tests" / "device" / "sniff_frames.py"
A, B = "192.0.2.1", "198.51.100.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
V4, V6 = IP(src=A, dst=B), IPv6(src=A6, dst=B6)
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def message(n, body=b""):
    return (
        b"MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK%d\r\nCall-ID: c%d\r\n"
        b"CSeq: %d MESSAGE\r\nContent-Length: %d\r\n\r\n" % (n, n, n, len(body)) + body
    )


def udp(ip, payload, sport=5060, dport=5062, link=ETHER):
    return link / ip / UDP(sport=sport, dport=dport) / payload


@cache
def _segment(src, dst, sport, dport, flags):
    return bytes(ETHER / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags))


def tcp(seq, payload=b"", flags="A", sport=40000, dport=5060, src=A, dst=B):
    """A segment; scapy is slow, so that only what differs is put into one that it made."""
    frame = bytearray(_segment(src, dst, sport, dport, flags) + payload)
    pack_into(">H", frame, 16, len(frame) - 14)
    pack_into(">I", frame, 38, seq & 0xFFFFFFFF)
    return bytes(frame)


@pytest.fixture(params=["micropython", "cpython"])
def sniff(request, micropython, tmp_path):
    """sniff(frames, ...) gives (what was captured, the counts)."""

    def run(frames, *arguments, ethernet=True, heap="2M", **settings):
        texts = [f if isinstance(f, int) else bytes(f).hex() for f in frames]
        plan = {"settings": settings, "ethernet": ethernet, "frames": texts}
        path = tmp_path / "frames"
        path.write_text(json.dumps(plan))
        paths = [ROOT / "lib", ROOT / "firmware"]
        if request.param == "micropython":
            command = [micropython, "-X", f"heapsize={heap}"]
            env = {"MICROPYPATH": ":".join(map(str, paths)) + ":.frozen"}
        else:
            command = [sys.executable]
            env = {"PYTHONPATH": ":".join(map(str, [*paths, ROOT / "host_tests" / "shim"]))}
        done = subprocess.run(
            [*command, SCRIPT, path, *map(str, arguments)],
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def payloads(found):
    return [bytes.fromhex(row[-1]) for row in found["found"]]


def numbers(found):
    """The numbers of the messages, in order; all of them whole."""
    rows = [(row[6], bytes.fromhex(row[-1])) for row in found["found"]]
    for _, payload in rows:
        assert payload.startswith(b"MESSAGE ") and payload.endswith((b"\r\n\r\n", b"x")), payload
    return [int(cid[1:]) for cid, _ in rows]


def test_links_and_addresses(sniff):
    frames = [
        udp(V4, message(0)),
        udp(V6, message(1)),
        udp(V4, message(2), link=ETHER / Dot1Q(vlan=7)),
        udp(V6, message(3), link=ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=9)),
        udp(V4, message(4), link=ETHER / PPPoE() / PPP()),
        udp(V4, message(5), 40000, 40002),
        udp(IP(src=A, dst=B, options=[b"\x07\x07\x04\0\0\0\0\0"]), message(6)),
        udp(
            V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=[A6]) / IPv6ExtHdrDestOpt(),
            message(7),
        ),
        bytes(udp(V4, message(8))) + bytes(20),  # padding
    ]
    found = sniff(frames)
    assert numbers(found) == list(range(9))
    ends = [row[:6] for row in found["found"]]
    four = ["c0000201", "13c4", "c6336402", "13c6", 17, 1]
    six = ["20010db8" + "0" * 23 + "1", "13c4", "20010db8" + "0" * 23 + "2", "13c6", 17, 1]
    assert ends[0] == ends[2] == ends[4] == ends[6] == ends[8] == four
    assert ends[1] == ends[3] == ends[7] == six
    assert ends[5] == ["c0000201", "9c40", "c6336402", "9c42", 17, 1]


def test_an_interface_without_ethernet(sniff):
    frames = [bytes(udp(ip, message(n)))[14:] for n, ip in enumerate((V4, V6))]
    assert numbers(sniff(frames, ethernet=False)) == [0, 1]


def test_what_is_none_of_it(sniff):
    frames = [
        ETHER / ARP(),
        ETHER / IP(src=A, dst=B, proto=50) / b"esp",
        ETHER / IPv6(src=A6, dst=B6, nh=59),
        udp(V4, b"\r\n\r\n"),
        udp(V4, b"\x80\x00" + bytes(170)),
        udp(V4, b"\0\x01\0\0\x21\x12\xa4\x42" + bytes(12)),
        udp(V4, b"hello"),
        udp(V4, b""),
        b"",
        b"x",
        bytes(udp(V4, message(1)))[:60],
        tcp(1, flags="S"),
        tcp(2, b"GET / HTTP/1.1\r\n\r\n", dport=80),
    ]
    found = sniff(frames)
    assert found["found"] == []
    assert found["counts"]["other"] == 3 and found["counts"]["broken"] == 2


def test_ports(sniff):
    frames = [
        udp(V4, message(1), 7000, 7001),
        udp(V4, message(2), 7000, 6060),
        udp(V4, message(3), 5070, 7001),
        tcp(1, message(4), dport=7000),
        tcp(1, message(5), dport=5070),
    ]
    assert numbers(sniff(frames, content=False, ports=[5070, 6060])) == [2, 3, 5]
    assert numbers(sniff(frames)) == [1, 2, 3, 4, 5]


def test_what_the_agent_sends_is_not_captured_again(sniff):
    hep = b"HEP3\x02\x00" + message(1)
    frames = [
        udp(IP(src=A, dst="192.0.2.99"), message(1), 40000, 9060),
        tcp(1, message(2), dst="192.0.2.99", dport=9060),
        udp(V4, hep),
        udp(V4, hep, 40000, 9060),
        tcp(1, hep, dport=9060),
        udp(V4, message(3), 40000, 9060),  # another host
    ]
    found = sniff(frames)
    assert numbers(found) == [3] and found["counts"]["own"] == 2


def pieces(ip, payload, size=512):
    if ip is V6:
        packet = (
            V6 / IPv6ExtHdrFragment(id=random.getrandbits(32)) / UDP(sport=1, dport=2) / payload
        )
        return [ETHER / f for f in fragment6(packet, size + 100)]
    packet = IP(src=A, dst=B, id=random.getrandbits(16)) / UDP(sport=1, dport=2) / payload
    return [ETHER / f for f in fragment(packet, size)]


@pytest.mark.parametrize("ip", [V4, V6], ids=["IPv4", "IPv6"])
def test_fragments(sniff, ip):
    frames = []
    for n, order in enumerate(permutations(range(4))):
        cut = pieces(ip, message(n, b"x" * 1700))
        assert len(cut) == 4
        frames += [cut[at] for at in order]
    twice = pieces(ip, message(24, b"x" * 1700))
    frames += [twice[0], twice[0], twice[2], twice[1], twice[2], twice[3]]
    across = [pieces(ip, message(n, b"x" * 1700)) for n in (25, 26, 27, 28)]
    frames += [each[at] for at in (1, 3, 0, 2) for each in across]
    assert numbers(sniff(frames)) == list(range(29))


@pytest.mark.parametrize("ip", [V4, V6], ids=["IPv4", "IPv6"])
def test_fragments_that_do_not_become_whole(sniff, ip):
    frames = []
    first = pieces(ip, message(1, b"x" * 1700))
    frames += first[:3] + [31000] + first[3:]  # too late: no longer the same datagram
    for n in range(10):  # more than there is room for
        frames += pieces(ip, message(n, b"x" * 1700))[1:]
    frames += pieces(ip, message(77, b"x" * 6000))  # too long
    frames += pieces(ip, message(78, b"x" * 1700))
    found = sniff(frames)
    assert numbers(found) == [78]
    assert found["counts"]["fragments_lost"] > 5


def test_fragments_that_overlap(sniff):
    payload = bytes(UDP(sport=1, dport=2, len=1008) / message(1, b"x" * 870))
    evil = bytes(1008)

    def piece(at, data, more, number):
        ip = IP(src=A, dst=B, id=number, proto=17, frag=at // 8, flags="MF" if more else 0)
        return ETHER / ip / data

    for n in range(3):
        frames = [
            piece(0, payload[:512], True, n),
            piece(504, evil[504:600] if n else payload[504:600], True, n),
            piece(512, payload[512:], False, n),
        ]
        found = sniff(frames)
        assert found["found"] == [] and found["counts"]["fragments_lost"] == 1


def test_a_connection(sniff):
    data = b"".join(message(n, b"x" * (n * 7)) for n in range(30))
    for size in (7, 37, 1400):
        at = list(range(0, len(data), size))
        frames = [tcp(99, flags="S")] + [tcp(100 + k, data[k : k + size]) for k in at]
        assert numbers(sniff(frames)) == list(range(30)), size


def test_sequence_numbers_that_wrap(sniff):
    data = b"".join(message(n, b"x" * 300) for n in range(9))
    first = 2**32 - 1000
    frames = [tcp(first + at, data[at : at + 150]) for at in range(0, len(data), 150)]
    frames[6:6] = frames[3:6]  # sent again
    frames[10], frames[12] = frames[12], frames[10]
    assert numbers(sniff(frames)) == list(range(9))


def test_segments_in_any_order_and_more_than_once(sniff):
    data = b"".join(message(n, b"x" * (n * 3)) for n in range(60))
    for seed in range(3):
        draw = random.Random(seed)
        cuts = sorted(draw.sample(range(1, len(data)), 50))
        parts = [(a, data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        parts = [(at, part) for at, part in parts if part]
        # Within what may wait, segments change places, come again, come joined.
        order = [parts[0]]
        order += sorted(parts[1:], key=lambda each: parts.index(each) + draw.random() * 4)
        for _ in range(20):
            at = draw.randrange(len(order))
            order.insert(at + draw.randrange(3), order[at])
        frames = [tcp(5000 + at, part) for at, part in order]
        assert numbers(sniff(frames)) == list(range(60)), seed


def test_a_segment_that_is_missing(sniff):
    parts = [message(n, b"x" * 200) for n in range(20)]
    data = b"".join(parts)
    size = len(parts[0])
    frames = [tcp(at, data[at : at + 100]) for at in range(0, len(data), 100)]
    lost = frames.pop(size * 4 // 100 + 1)
    found = sniff(frames)
    assert found["counts"]["gaps"] == 1
    got = [row[6] for row in found["found"] if bytes.fromhex(row[-1]) in parts]
    assert len(got) in (18, 19) and "c4" not in got
    assert bytes(lost) not in map(bytes, frames)
    # With nothing behind it that waits long enough, time gives it up.
    frames = [tcp(0, parts[0]), tcp(size + 50, parts[1][50:]), 1100, tcp(2 * size, message(2))]
    assert "c2" in [row[6] for row in sniff(frames)["found"]]


def test_the_end_of_a_connection(sniff):
    whole, half = message(1), message(2, b"x" * 100)[:-10]
    for flags in ("FA", "RA"):
        found = sniff([tcp(0, whole), tcp(len(whole), half), tcp(len(whole + half), b"", flags)])
        assert payloads(found) == [whole, half]
    # The same ports once more, with other numbers.
    frames = [tcp(0, whole), tcp(7000000, flags="S"), tcp(7000001, message(3))]
    assert numbers(sniff(frames)) == [1, 3]


def test_a_message_that_does_not_go_on(sniff):
    half = message(1, b"x" * 100)[:-10]
    assert payloads(sniff([tcp(0, half), 2100, 0])) == [half]


def test_connections_are_bounded(sniff):
    frames = [tcp(1, message(n), sport=1000 + n) for n in range(100)]
    found = sniff(frames, streams=2)
    assert numbers(found) == list(range(100))
    # Those whose end nobody saw are let go of, before ticks wrap and they seem the latest.
    parts = [message(n, b"x" * 100) for n in (3, 4)]
    days = [tcp(1, message(n), sport=n) for n in (1, 2)] + 7 * [86400000]
    days += [
        tcp(at, parts[n][at : at + 60], sport=n + 3) for at in range(0, 240, 60) for n in (0, 1)
    ]
    assert numbers(sniff(days, streams=2)) == [1, 2, 3, 4]
    both = [
        tcp(1, message(1), sport=5060, dport=9, src=B, dst=A),
        tcp(1, message(2), dport=9),
    ]
    assert numbers(sniff(both)) == [1, 2]


SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\n"
)
REPORT = bytes.fromhex("81c90007" + "00000001" + "00000002" + "00" * 20)


@pytest.mark.parametrize(
    "more, host, port",
    [
        (b"", A, 4001),
        (b"a=rtcp:4444\r\n", A, 4444),
        (b"a=rtcp:4444 IN IP4 192.0.2.7\r\n", "192.0.2.7", 4444),
        (b"c=IN IP4 192.0.2.8/127\r\n", "192.0.2.8", 4001),
        (b"a=rtcp-mux\r\n", A, 4000),
        (b"m=video 0 RTP/AVP 31\r\n", A, 4001),
    ],
)
def test_rtcp_of_a_call(sniff, more, host, port):
    frames = [
        udp(V4, message(1, SDP + more)),
        udp(IP(src=B, dst=host), REPORT, 7001, port),
        udp(IP(src=host, dst=B), REPORT, port, 7001),
        udp(IP(src=B, dst=host), REPORT, 7001, port + 1000),
    ]
    found = sniff(frames)
    rows = [row for row in found["found"] if row[5] == 5]
    assert [row[6] for row in rows] == ["c1", "c1", None]
    assert json.loads(bytes.fromhex(rows[0][-1]))["ssrc"] == 1
    assert found["counts"]["rtcp"] == 3
    assert not [row for row in sniff(frames, rtcp=False)["found"] if row[5] == 5]


@pytest.mark.soak
def test_mutated_frames(sniff, cases):
    """Never an exception, and no more memory than at the beginning."""
    frames = [
        udp(V4, message(1, SDP)),
        udp(V6 / IPv6ExtHdrHopByHop(), message(2)),
        udp(V4, message(3), link=ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=9)),
        udp(V4, message(4), link=ETHER / PPPoE() / PPP()),
        udp(V4, REPORT, 7001, 4001),
        *pieces(V4, message(5, b"x" * 1700)),
        *pieces(V6, message(6, b"x" * 1700)),
        *[tcp(at, message(7, b"x" * 300)[at : at + 100]) for at in range(0, 400, 100)],
        tcp(400, flags="FA"),
    ]
    found = sniff(frames, cases(5000, 200000), 1, heap="512K")
    assert found["counts"]["frames"] == cases(5000, 200000)
    assert found["counts"]["full"] == 0 and found["counts"]["sip"] > 500
    assert found["most"] <= found["early"] + 60000
