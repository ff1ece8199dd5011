"""uhep.lua in tshark against the strict decoder: the same fields, the same faults.

The two share no code. Every packet goes to both; chunks, fields, inflated payloads and the
name and offset of every fault and remark must agree.
"""

import contextlib
import gzip
import ipaddress
import random
import ssl
import subprocess
import zlib

import pytest
from hepmake import GOOD, SIP, chunk, frame, good
from peers.dissector import (
    PORT,
    SCRIPT,
    column,
    conversation,
    datagram,
    layers,
    run,
    segments,
    write,
)
from test_hep_decode import IPV6, OPTIONS, REFUSED, REMARKED, RTCP_HEAD, RTCP_JSON, SOUND, packed
from test_hep_fuzz import SEEDS, mutate
from uhep_tools.chunks import GENERIC, IP_PROTOCOLS, PAYLOAD_TYPES, VENDORS
from uhep_tools.hep import FAULTS, REMARKS, HepError, decode
from uhep_tools.stream import FramingError, StreamReader

pytestmark = pytest.mark.peer("tshark")

RECORDED = [bytes.fromhex(vector["hex"]) for vector in SOUND]
NUMBERS = (
    *("family", "proto", "sport", "dport", "sec", "usec", "type", "node_id"),
    *("vlan", "mos", "r_factor", "jitter"),
)
OCTETS = ("key", "cid", "node_name", "group", "payload")
BATCH = 4000  # packets that one run of tshark reads


def last(found, name):
    """A field's last value: of duplicates the last one counts."""
    return found.get(name, [None])[-1]


def compare(data, layer):
    """One packet: our dissector's reading and the decoder's."""
    try:
        packet = decode(data, strict=False)
    except HepError as error:
        assert layer.notes == [(error.name, error.offset)]
        assert layer.values == {}
        return
    noted = sorted((fault.name, fault.offset) for fault in packet.lint)
    assert sorted(layer.notes) == noted
    assert int(last(layer.values, "total")) == packet.total
    assert layer.chunks == [
        (one.vendor, one.type, data[one.offset : one.offset + 6 + len(one.body)])
        for one in packet.chunks
    ]
    for name in NUMBERS:
        shown = last(layer.values, name)
        assert (shown if shown is None else int(shown)) == getattr(packet, name), name
    for name in OCTETS:
        assert (last(layer.octets, name) or b"") == (getattr(packet, name) or b""), name
    assert last(layer.values, "compression") == packet.compressed
    for name, address in (("src", packet.src), ("dst", packet.dst)):
        if address:
            address = ipaddress.ip_address(address)
            shown = ipaddress.ip_address(last(layer.values, f"{name}{address.version}"))
            assert shown == address


def compare_all(tmp_path, packets):
    """Each packet as a datagram; returns the faults and remarks that came up."""
    names = set()
    for begin in range(0, len(packets), BATCH):
        batch = packets[begin : begin + BATCH]
        pcap = write(tmp_path / "batch.pcap", map(datagram, batch))
        for data, frame_layers in zip(batch, layers(pcap), strict=True):
            assert len(frame_layers) == 1, data.hex()
            try:
                compare(data, frame_layers[0])
            except AssertionError as error:
                error.add_note(data.hex())
                raise
            names |= {name for name, _ in frame_layers[0].notes}
    return names


def test_good_packets_field_by_field(tmp_path):
    everything = {
        kind: b"\0" * (spec.width - 1) + b"\x11" if spec.width else b"text %d" % kind
        for kind, spec in GENERIC.items()
        if kind not in (3, 4, 0x10) and kind not in GOOD
    }
    packets = [
        *RECORDED,
        OPTIONS,
        RTCP_HEAD + RTCP_JSON,
        IPV6,
        good(everything | {0x01: b"\x0a", 0x03: None, 0x04: None}),
        good({0x11: "ü@x".encode(), 0x13: b"\xff\xfe", 0x0E: b'a"b\\c\t'}),
        good(last=chunk(0x99, b"new") + chunk(0x8001, b"own", vendor=0x77)),
        good({0x0F: b"x" * 60000}),
        packed(zlib.compress(SIP)),
        packed(gzip.compress(SIP)),
    ]
    names = compare_all(tmp_path, packets)
    # sngrep swaps its id; the others are of the packet with strange chunks behind the payload.
    assert names == {"node-id-swapped", "payload-not-last"}


def test_text_is_shown_as_text_and_the_time_as_a_time(tmp_path):
    told = good({0x11: "ü@x".encode(), 0x12: b"\0\7", 0x20: b"\x01\x9a"})
    ((layer,),) = layers(write(tmp_path / "a.pcap", [datagram(told)]))
    assert layer.values["cid"] == ["ü@x"]
    assert layer.values["node_name"] == ["esp32-01"]
    assert layer.values["src4"] == ["192.0.2.10"]
    assert (layer.values["vlan"], layer.values["mos"]) == (["7"], ["410"])
    assert layer.values["time"] == ["Jan  1, 2026 00:00:00.123456000 UTC"]


def test_every_fault_and_remark_of_the_decoder(tmp_path):
    broken = [data for _, _, data in REFUSED + REMARKED if data]  # no dissector sees 0 octets
    names = compare_all(tmp_path, broken)
    # The one that is left, frame-limit, is of TCP.
    assert names == set(FAULTS) - {"frame-limit"}


def test_the_odd_packets_that_upset_receivers(tmp_path):
    first_five = good()[:40]
    odd = [
        *(good({kind: None}) for kind in GOOD),
        good({0x0B: b"\5", 0x01: b"\x0a"}),
        good({0x0B: b"\5", 0x01: None}),
        frame(chunk(0x0F, SIP), good({0x0F: None})[6:]),
        frame(chunk(0x0F, SIP, length=3)),
        frame(*(chunk(0, b"", length=length) for length in range(6))),
        good({0x0E: b"k" * 65000}),
        good({0x0C: b"\7\xd2", 0x07: bytes(4)}),
        good(last=chunk(0x0C, bytes(4)) * 3),
        good({0x11: b"c1\0"}, last=chunk(0x11, b"last")),
        good({0x0F: gzip.compress(SIP)}),
        good({0x02: b"\x84", 0x0B: b"\xff"}),
        good({0x09: bytes(4), 0x0A: b"\0\x4c\x4b\x40"}),
        good(last=chunk(0x01, b"\x0a", vendor=1)),
        *(first_five[:4] + total.to_bytes(2, "big") + first_five[6:] for total in range(45)),
        *(b"\0\0" + bytes([n]) * n for n in range(1, 20)),
    ]
    names = compare_all(tmp_path, odd)
    assert {"missing-chunk", "chunk-length", "vendor-type", "key-length", "magic"} <= names


def test_truncation_at_every_octet(tmp_path):
    cut = [OPTIONS[:size] for size in range(1, len(OPTIONS))]
    honest = [data[:4] + len(data).to_bytes(2, "big") + data[6:] for data in cut if len(data) > 6]
    names = compare_all(tmp_path, cut + honest)
    assert {"too-short", "total-length", "chunk-header", "chunk-overrun", "missing-chunk"} <= names


@pytest.mark.soak
def test_mutated_packets(tmp_path, cases):
    rng = random.Random(20260103)
    packets = [mutate(rng, rng.choice(SEEDS)) for _ in range(cases(600, 40_000))]
    names = compare_all(tmp_path, [data for data in packets if data])
    assert {"chunk-overrun", "duplicate-chunk", "chunk-width", "family", "inflate"} <= names


@pytest.mark.soak
def test_made_up_packets(tmp_path, cases):
    rng = random.Random(20260104)
    packets = [made_up(rng) for _ in range(cases(400, 20_000))]
    names = compare_all(tmp_path, packets)
    assert {"mixed-addresses", "two-payloads", "type-zero", "vendor-type"} <= names


def made_up(rng):
    """Chunks of any type in any order, their widths mostly right."""
    parts = []
    for _ in range(rng.randint(0, 20)):
        kind = rng.choice([0, *GENERIC, rng.randrange(65536)])
        width = GENERIC[kind].width if kind in GENERIC else None
        if width is None or rng.random() < 0.1:
            width = rng.randrange(12)
        body = rng.choice([bytes(width), rng.randbytes(width), b"\2" * width, b"\x0a" * width])
        parts.append(chunk(kind, body, vendor=rng.choice([0] * 9 + [1, 0x100, 0x8888])))
    return frame(*parts)


@pytest.mark.soak
def test_compressed_payloads(tmp_path, cases):
    rng = random.Random(20260105)
    names = compare_all(tmp_path, [packed(stream(rng)) for _ in range(cases(400, 20_000))])
    assert names >= {"inflate"}


def stream(rng):
    """A zlib or gzip stream of any kind, every other one wounded."""
    text = b"".join(
        rng.choice([SIP, RTCP_JSON, rng.randbytes(30)]) for _ in range(rng.randint(0, 4))
    )
    tune = (rng.choice([0, 1, 6, 9]), zlib.DEFLATED, rng.choice([15, 31]), 8, rng.randrange(5))
    squeeze = zlib.compressobj(*tune)
    made = squeeze.compress(text[:100])
    made += squeeze.flush(rng.choice([zlib.Z_NO_FLUSH, zlib.Z_FULL_FLUSH]))
    made += squeeze.compress(text[100:]) + squeeze.flush()
    if made[0] == 0x1F and rng.random() < 0.5:
        made = with_gzip_header(rng.randrange(32), made)
    if rng.random() < 0.5:
        wound = bytearray(made)
        wound[rng.randrange(len(wound))] ^= 1 << rng.randrange(8)
        made = bytes(wound)[: rng.choice([len(wound), rng.randrange(len(wound))])]
    return made


def with_gzip_header(flags, made):
    """A gzip stream with the optional parts that flags asks for, as RFC 1952 has them."""
    head = made[:3] + bytes([flags]) + made[4:10]
    if flags & 4:
        head += b"\3\0abc"
    if flags & 8:
        head += b"name\0"
    if flags & 16:
        head += b"a comment\0"
    if flags & 2:
        head += (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little")
    return head + made[10:]


def test_codes_that_are_incomplete(tmp_path):
    made = [
        huffman(literal=1, data="0" * 3 + "1"),
        huffman(literal=1, data="0" * 3),
        huffman(literal=2, data="00" * 3 + "01"),
    ]
    assert [zlib.decompress(made[0]), decode(packed(made[0])).faults] == [b"aaa", []]
    packets = [packed(body) for body in made]
    found = layers(write(tmp_path / "a.pcap", map(datagram, packets)))
    for data, (layer,) in zip(packets, found, strict=True):
        compare(data, layer)
    assert [bool(layer.notes) for (layer,) in found] == [False, True, True]


def huffman(literal, data):
    """A zlib stream of "aaa" whose codes for "a" and the end have as many bits as literal."""

    def number(value, width):  # least significant bit first, where a code has its first bit first
        return format(value, f"0{width}b")[::-1]

    # Code lengths, by a code of their own: 0 for "18, so many zeros", 10 for 0, 11 for literal.
    order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    own = {18: 1, 0: 2, literal: 2}
    bits = "1" + number(2, 2) + number(0, 5) + number(0, 5) + number(15, 4)
    bits += "".join(number(own.get(symbol, 0), 3) for symbol in order)
    lengths = ["0" + number(97 - 11, 7), "11", "0" + number(127, 7), "0" + number(20 - 11, 7)]
    bits += "".join(lengths) + "1110" + data
    octets = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return b"\x78\x9c" + octets + zlib.adler32(b"aaa").to_bytes(4, "big")


def test_inflating_stops_exactly_at_the_limit(tmp_path):
    pcap = write(tmp_path / "a.pcap", [datagram(packed(zlib.compress(b"a" * 1000)))])
    assert layers(pcap, "-o", "uhep.max_inflate:1000")[0][0].octets["payload"] == [b"a" * 1000]
    ((layer,),) = layers(pcap, "-o", "uhep.max_inflate:999")
    assert layer.notes == [("inflate-limit", 138)]
    assert "payload" not in layer.values


# TCP ----------------------------------------------------------------------------------------


def dissected(tmp_path, streams, *args, port=PORT):
    """The HEP packets of each TCP stream, given as a list of segments."""
    frames = [list(segments(parts, port, 40000 + n)) for n, parts in enumerate(streams)]
    found = layers(write(tmp_path / "tcp.pcap", sum(frames, [])), *args)
    at, result = 0, []
    for parts in frames:
        result.append(sum(found[at : at + len(parts)], []))
        at += len(parts)
    return result


def test_several_frames_in_a_segment_and_one_over_several(tmp_path):
    three = [OPTIONS, RTCP_HEAD + RTCP_JSON, IPV6]
    whole = b"".join(three)
    streams = [[whole]]
    streams += [[whole[:cut], whole[cut:]] for cut in range(1, len(whole), 7)]
    streams += [[whole[:3], whole[3:6], whole[6:7], whole[7:]]]
    streams += [[bytes([octet]) for octet in IPV6 + IPV6]]
    for number, found in enumerate(dissected(tmp_path, streams)):
        sent = [IPV6, IPV6] if number == len(streams) - 1 else three
        assert len(found) == len(sent)
        for data, layer in zip(sent, found, strict=True):
            compare(data, layer)
            assert layer.notes == []


@pytest.mark.soak
def test_streams_cut_anywhere_match_the_stream_reader(tmp_path, cases):
    rng = random.Random(20260106)
    streams = []
    for _ in range(cases(40, 1000)):
        data = b"".join(rng.choices(RECORDED, k=6))
        cuts = sorted({0, *(rng.randrange(len(data)) for _ in range(8)), len(data)})
        streams.append([data[a:b] for a, b in zip(cuts, cuts[1:], strict=False)])
    for parts, found in zip(streams, dissected(tmp_path, streams), strict=True):
        expected = StreamReader().feed(b"".join(parts))
        assert len(found) == len(expected) == 6
        for data, layer in zip(expected, found, strict=True):
            compare(data, layer)


@pytest.mark.parametrize("port", [PORT, 19777])
def test_any_port_is_recognised_by_its_octets(tmp_path, port):
    whole = OPTIONS + IPV6
    streams = [[whole], [OPTIONS[:50], OPTIONS[50:] + IPV6[:9], IPV6[9:]]]
    # Once recognised a connection stays so: here a segment is too short to be.
    streams += [[OPTIONS, IPV6[:2], IPV6[2:]]]
    for found in dissected(tmp_path, streams, port=port):
        assert [layer.notes for layer in found] == [[], []]
        assert [int(layer.values["total"][0]) for layer in found] == [363, 124]
    ((layer,),) = layers(write(tmp_path / "udp.pcap", [datagram(OPTIONS, port)]))
    compare(OPTIONS, layer)


def test_a_framing_fault_is_named_after_the_good_frames(tmp_path):
    junk = [b"GET / HTTP/1.1\r\n\r\n", b"HEP3\0\5junk", b"\2\x10" + SIP, b"EEP1\0\x10 and more"]
    streams = [[OPTIONS + IPV6 + bad] for bad in junk]
    for parts, found in zip(streams, dissected(tmp_path, streams), strict=True):
        with pytest.raises(FramingError) as caught:
            StreamReader().feed(parts[0])
        assert [layer.notes for layer in found] == [
            [],
            [],
            [(caught.value.name, caught.value.offset)],
        ]


def test_the_frame_limit_of_a_receiver(tmp_path):
    with pytest.raises(FramingError) as caught:
        StreamReader(limit=300).feed(OPTIONS)
    ((small, large),) = dissected(tmp_path, [[IPV6 + OPTIONS]], "-o", "uhep.frame_limit:300")
    assert small.notes == []
    assert large.notes == [(caught.value.name, caught.value.offset)] == [("frame-limit", 4)]
    ((small, exact),) = dissected(tmp_path, [[IPV6 + OPTIONS]], "-o", "uhep.frame_limit:363")
    assert exact.notes == []
    pcap = write(tmp_path / "udp.pcap", [datagram(OPTIONS)])
    assert layers(pcap, "-o", "uhep.frame_limit:300")[0][0].notes == []


def test_tls_on_a_port_of_ours_is_left_to_the_tls_dissector(tmp_path):
    hello = b"\x16\3\1\0\x2f\1\0\0\x2b\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0\0\0"
    pcap = write(tmp_path / "tls.pcap", segments([hello]))
    assert layers(pcap) == [[]]
    assert column(pcap)[0][0].startswith("TLS")


def test_tls_is_read_with_the_keys(tmp_path):
    keys = tmp_path / "keys.log"
    sent = [OPTIONS[:100], OPTIONS[100:] + IPV6, OPTIONS]
    pcap = write(tmp_path / "tls.pcap", conversation(tls(sent, keys)))
    found = sum(layers(pcap, "-o", f"tls.keylog_file:{keys}"), [])
    for data, layer in zip([OPTIONS, IPV6, OPTIONS], found, strict=True):
        compare(data, layer)
    assert sum(layers(pcap), []) == []


def tls(sent, keys):
    """The turns of a TLS connection over which a client sends; its keys are left in a file."""
    ends = []
    for role in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
        context = ssl.SSLContext(role)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")  # anonymous: needs no certificate
        context.keylog_filename = str(keys)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = role == ssl.PROTOCOL_TLS_SERVER
        ends.append((context.wrap_bio(incoming, outgoing, server), incoming, outgoing))
    (client, to_client, from_client), (server, to_server, from_server) = ends
    for _ in range(3):
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        if octets := from_client.read():
            to_server.write(octets)
            yield False, octets
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        if octets := from_server.read():
            to_client.write(octets)
            yield True, octets
    for part in sent:
        client.write(part)
        yield False, from_client.read()


# Around the packet --------------------------------------------------------------------------


def test_payloads_reach_their_dissectors(tmp_path):
    packets = [
        OPTIONS,
        RTCP_HEAD + RTCP_JSON,
        packed(gzip.compress(SIP)),
        good({0x0B: b"\3", 0x0F: b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=call\r\n"}),
        good(
            {0x0B: b"\5", 0x0F: bytes.fromhex("81c90007 12345678 87654321 0c000007") + bytes(16)}
        ),
        good({0x0B: b"\x64", 0x0F: b"registered\n"}),
        good({0x0B: b"\x35", 0x0F: b' {"dns": 1}'}),
    ]
    pcap = write(tmp_path / "a.pcap", map(datagram, packets))
    names = ["sip.Call-ID", "json.key", "sdp.session_name", "rtcp.senderssrc"]
    fields = [part for name in [*names, "text"] for part in ("-e", name)]
    text = run(pcap, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f", *fields)
    lines = [line.split("\t")[:4] for line in text.split("\n")][:7]
    assert lines[0] == lines[2] == ["c1@192.0.2.10", "", "", ""]
    assert lines[1] == ["", "ssrc", "", ""]
    assert lines[3] == ["", "", "call", ""]
    assert lines[4] == ["", "", "", "0x12345678"]
    assert lines[6] == ["", "dns", "", ""]
    assert "Line-based text data" in run(pcap, "-V", "-Y", "uhep.type == 100")


def test_the_list_of_packets_says_who_captured_what(tmp_path):
    packets = [
        *map(datagram, [OPTIONS, good({0x13: None, 0x11: None}), OPTIONS[:-9], b"HEP4" * 4]),
        *segments([OPTIONS + IPV6 + OPTIONS]),
    ]
    lines = column(write(tmp_path / "a.pcap", packets))
    assert {protocol for protocol, _ in lines} == {"HEP"}
    sip = "Request: OPTIONS sip:192.0.2.20"
    assert lines[0][1].startswith(f"esp32-01 SIP c1@192.0.2.10 {sip}")
    assert lines[1][1].startswith(f"12345 SIP {sip}")
    whole = f"esp32-01 SIP c1@192.0.2.10 [total-length, chunk-overrun] {sip}"
    assert lines[2][1].startswith(whole)
    assert lines[3][1] == "[magic]"
    assert lines[4][1].count(f"esp32-01 SIP c1@192.0.2.10 {sip}") == 2
    assert "; 12345 SIP" in lines[4][1]


def test_a_capture_that_cut_the_packets_is_no_fault_of_theirs(tmp_path):
    whole = datagram(OPTIONS)
    sizes = range(29, len(whole))
    found = layers(write(tmp_path / "a.pcap", [whole] * len(sizes), held=sizes))
    for size, (layer,) in zip(sizes, found, strict=True):
        assert layer.notes == []
        assert last(layer.values, "family") == ("2" if size >= 28 + 13 else None)
    assert layer.octets["payload"] == [SIP[:-1]]


def test_what_can_be_filtered(tmp_path):
    packets = [OPTIONS, OPTIONS[:-9], good({0x0C: bytes(4)}), good({0x0B: b"\0"})]
    pcap = write(tmp_path / "a.pcap", map(datagram, packets))

    def found(wanted):
        return run(pcap, "-Y", wanted, "-T", "fields", "-e", "frame.number").split()

    assert found('uhep.cid == "c1@192.0.2.10" && uhep.node_id == 12345') == ["1", "2", "4"]
    assert found("uhep.fault.total-length") == found("_ws.malformed") == ["2"]
    assert found("uhep.remark.type-reserved") == ["4"]
    assert found("uhep.src4 == 192.0.2.0/24 && uhep.sport == 5060") == ["1", "2", "3", "4"]


def test_the_ports_preference(tmp_path):
    pcap = write(tmp_path / "a.pcap", [datagram(b"HEP4" * 4, 19778), datagram(b"HEP4" * 4)])
    assert [len(one) for one in layers(pcap)] == [0, 1]
    assert [len(one) for one in layers(pcap, "-o", "uhep.ports:19770-19779")] == [1, 0]


def glossary(kind):
    command = ["tshark", "-G", kind, "-X", f"lua_script:{SCRIPT}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in lines.splitlines() if "\tuhep." in line]


def test_every_name_of_the_decoder_is_known():
    fields = {row[2] for row in glossary("fields")}
    assert {f"uhep.fault.{name}" for name in FAULTS if name not in REMARKS} <= fields
    assert {f"uhep.remark.{name}" for name in REMARKS} <= fields
    named = {(row[1], int(row[2], 0)): row[3] for row in glossary("values") if row[0] == "V"}
    for field, names in (
        ("uhep.type", PAYLOAD_TYPES),
        ("uhep.chunk.vendor", VENDORS),
        ("uhep.proto", IP_PROTOCOLS),
    ):
        assert {number: named.get((field, number)) for number in names} == names
