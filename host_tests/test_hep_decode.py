"""The host's decoder: what it reads, and the name and offset of everything it refuses."""

import gzip
import json
import zlib
from pathlib import Path

import pytest
from hepmake import GOOD, SIP, chunk, frame, good
from uhep_tools.hep import FAULTS, REMARKS, HepError, decode
from uhep_tools.stream import StreamReader

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "vectors/hep3.jsonl").read_text().splitlines()
]
SOUND = [vector for vector in VECTORS if vector["hep"] == 3]
OLD = [vector for vector in VECTORS if vector["hep"] != 3]

# The worked examples: SIP in the specification's order and in Asterisk's, RTCP JSON, IPv6.
OPTIONS = bytes.fromhex(
    "48455033016b000000010007020000000200071100000003000ac000020a00000004000ac0000214000000070008"
    "13c400000008000813c400000009000a6955b9000000000a000a0001e2400000000b0007010000000c000a000030"
    "390000000e000c666f6f6261720000001100136331403139322e302e322e313000000013000e65737033322d3031"
    "0000000f00e14f5054494f4e53207369703a3139322e302e322e3230205349502f322e300d0a5669613a20534950"
    "2f322e302f554450203139322e302e322e31303a353036303b6272616e63683d7a39684734624b310d0a4d61782d"
    "466f7277617264733a2037300d0a46726f6d3a203c7369703a313030403139322e302e322e31303e3b7461673d61"
    "310d0a546f3a203c7369703a3139322e302e322e32303e0d0a43616c6c2d49443a206331403139322e302e322e31"
    "300d0a435365713a2031204f5054494f4e530d0a436f6e74656e742d4c656e6774683a20300d0a0d0a"
)
ASTERISK_HEAD = bytes.fromhex(
    "48455033016b000000010007020000000200071100000007000813c400000008000813c400000009000a6955b900"
    "0000000a000a0001e2400000000b0007010000000c000a0000303900000003000ac000020a00000004000ac00002"
    "14"
)
RTCP_HEAD = bytes.fromhex(
    "4845503301de000000010007020000000200071100000003000ac000020a00000004000ac0000214000000070008"
    "2711000000080008272500000009000a6955b9000000000a000a0009fbf10000000b0007050000000c000a000030"
    "390000000e000c666f6f6261720000001100136331403139322e302e322e313000000013000e65737033322d3031"
    "0000000f0154"
)
RTCP_JSON = (
    b'{"ssrc":305419896,"type":200,"report_count":1,"sender_information":{"ntp_timestamp_sec":39'
    b'76214400,"ntp_timestamp_usec":530239482,"rtp_timestamp":160000,"packets":1000,"octets":1600'
    b'00},"report_blocks":[{"source_ssrc":2271560481,"fraction_lost":12,"packets_lost":7,"highest'
    b'_seq_no":66536,"ia_jitter":40,"lsr":2415935488,"dlsr":65536}]}'
)
IPV6 = bytes.fromhex(
    "48455033007c0000000100070a0000000200071100000005001620010db800000000000000000000001000000006"
    "001620010db8000000000000000000000020000000070008"
    "13c400000008000813c400000009000a6955b9000000000a000a0001e2400000000b0007010000000c000a000030"
    "390000000f000758"
)


def text(value):
    return None if value is None else value.decode()


def as_expected(packet):
    """A packet in the shape of the vectors' `expect`."""
    plain = ["total", "family", "proto", "src", "dst", "sport", "dport", "sec", "usec", "type"]
    return {name: getattr(packet, name) for name in plain} | {
        "order": [list(entry) for entry in packet.order],
        "capid": packet.node_id,
        "key": text(packet.key),
        "cid": text(packet.cid),
        "node": text(packet.node_name),
    }


def test_the_vectors_are_all_there():
    assert (len(SOUND), len(OLD)) == (95, 4)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("vector", SOUND, ids=lambda vector: vector["note"][:40])
def test_recorded_packets_read_as_expected(vector, strict):
    data = bytes.fromhex(vector["hex"])
    packet = decode(data, strict=strict)
    assert as_expected(packet) == vector["expect"]
    assert packet.payload == packet.chunks[-1].body == data[packet.chunks[-1].offset + 6 :]
    assert packet.faults == []
    # sngrep puts its 16-bit id into the upper half of the field.
    remarked = {fault.name for fault in packet.lint}
    assert remarked == ({"node-id-swapped"} if "sngrep" in vector["source"] else set())


@pytest.mark.parametrize("vector", OLD, ids=lambda vector: vector["note"][:20])
@pytest.mark.parametrize("strict", [True, False])
def test_old_versions_are_named(vector, strict):
    with pytest.raises(HepError) as caught:
        decode(bytes.fromhex(vector["hex"]), strict=strict)
    version = vector["hep"]
    assert caught.value.name == f"hep-v{version}"
    assert f"HEPv{version} received, please switch to v3" in str(caught.value)


def test_worked_example_sip():
    assert good() == OPTIONS
    packet = decode(OPTIONS)
    assert packet.order == [
        (0, kind, length)
        for kind, length in zip(
            [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 14, 17, 19, 15],
            [7, 7, 10, 10, 8, 8, 10, 10, 7, 10, 12, 19, 14, 225],
            strict=True,
        )
    ]
    assert [at.offset for at in packet.chunks][-4:] == [0x5D, 0x69, 0x7C, 0x8A]
    assert (packet.src, packet.sport) == ("192.0.2.10", 5060)
    assert (packet.dst, packet.dport) == ("192.0.2.20", 5060)
    assert (packet.sec, packet.usec, packet.stamp_us) == (1767225600, 123456, 1767225600123456)
    assert (packet.type, packet.node_id, packet.proto, packet.family) == (1, 12345, 17, 2)
    assert (packet.key, packet.cid) == (b"foobar", b"c1@192.0.2.10")
    assert (packet.node_name, packet.payload) == (b"esp32-01", SIP)
    assert packet.lint == []


def test_worked_example_in_asterisk_order():
    packet = decode(ASTERISK_HEAD + OPTIONS[93:])
    assert [kind for _, kind, _ in packet.order][:10] == [1, 2, 7, 8, 9, 10, 11, 12, 3, 4]
    same = decode(OPTIONS)
    for name in ("src", "dst", "sport", "dport", "stamp_us", "node_id", "key", "cid", "payload"):
        assert getattr(packet, name) == getattr(same, name)


def test_worked_example_rtcp():
    packet = decode(RTCP_HEAD + RTCP_JSON)
    assert (packet.total, packet.type, packet.usec) == (478, 5, 654321)
    assert (packet.sport, packet.dport) == (10001, 10021)
    assert json.loads(packet.payload)["report_blocks"][0]["highest_seq_no"] == 66536
    assert packet.lint == []


def test_worked_example_ipv6():
    packet = decode(IPV6)
    assert (packet.family, packet.src, packet.dst) == (10, "2001:db8::10", "2001:db8::20")
    assert (packet.total, packet.payload) == (124, b"X")
    assert (packet.key, packet.cid, packet.node_name) == (None, None, None)


def test_the_specification_s_own_example():
    data = good(
        {
            0x03: bytes([212, 202, 0, 1]),
            0x04: bytes([82, 116, 0, 211]),
            0x07: (12010).to_bytes(2, "big"),
            0x09: (1313440459).to_bytes(4, "big"),
            0x0A: (120000).to_bytes(4, "big"),
            0x0C: (228).to_bytes(4, "big"),
            0x0E: None,
            0x11: None,
            0x13: None,
            0x0F: b"INVITE sip:bob",
        }
    )
    packet = decode(data)
    assert (packet.total, packet.node_id, packet.stamp_us) == (113, 228, 1313440459120000)
    assert (packet.src, packet.dst) == ("212.202.0.1", "82.116.0.211")


def test_optional_numbers_and_group():
    extra = {0x12: b"\0\x2a", 0x20: b"\x01\x9a", 0x21: b"\0\x5d", 0x23: b"\0\0\1\0", 0x29: b"g1"}
    packet = decode(good(extra))
    assert (packet.vlan, packet.mos, packet.r_factor) == (42, 410, 93)
    assert (packet.jitter, packet.group) == (256, b"g1")
    assert decode(good()).mos is None


def test_unknown_chunks_are_kept_and_never_taken_for_known_ones():
    strange = chunk(0x99, b"new") + chunk(0x8001, b"own", vendor=0x77)
    packet = decode(good({0x0F: None}, last=strange + chunk(0x0F, SIP)))
    assert [(c.vendor, c.type, c.body) for c in packet.chunks[-3:-1]] == [
        (0, 0x99, b"new"),
        (0x77, 0x8001, b"own"),
    ]
    assert packet.lint == []
    overridden = decode(good(last=chunk(0x01, b"\x0a", vendor=1)))
    assert overridden.family == 2


def test_the_header_counts_are_the_only_end():
    """A payload that holds a whole packet is a payload."""
    packet = decode(good({0x0F: OPTIONS}))
    assert packet.payload == OPTIONS


def test_the_largest_packet():
    payload = b"x" * (65535 - 138 - 6)
    packet = decode(good({0x0F: payload}))
    assert (packet.total, packet.payload) == (65535, payload)


@pytest.mark.parametrize("method, squeeze", [("zlib", zlib.compress), ("gzip", gzip.compress)])
def test_compressed_payload_is_inflated(method, squeeze):
    packet = decode(good({0x0F: None}, last=chunk(0x10, squeeze(SIP))))
    assert (packet.compressed, packet.payload) == (method, SIP)
    assert packet.chunks[-1].body == squeeze(SIP)


def test_inflating_stops_exactly_at_the_limit():
    data = good({0x0F: None}, last=chunk(0x10, zlib.compress(b"a" * 1000)))
    assert decode(data, max_inflate=1000).payload == b"a" * 1000
    with pytest.raises(HepError) as caught:
        decode(data, max_inflate=999)
    assert caught.value.name == "inflate-limit"


BOMB = zlib.compress(b"\0" * 30_000_000, 9)
SQUEEZED = zlib.compress(SIP)


def packed(body):
    return good({0x0F: None}, last=chunk(0x10, body))


def without(kind):
    return good({kind: None})


V6 = {0x03: None, 0x04: None, 0x05: IPV6[26:42], 0x06: IPV6[48:64]}

# (fault, offset, packet): what strict decoding refuses. In OPTIONS the chunks begin at
# 1:6 2:13 3:20 4:30 7:40 8:48 9:56 a:66 b:76 c:83 e:93 11:105 13:124 f:138, the end is 363.
REFUSED = [
    ("too-short", 0, b""),
    ("too-short", 0, b"HEP3"),
    ("too-short", 0, b"HEP3\0"),
    ("magic", 0, b"HEP4" + OPTIONS[4:]),
    ("magic", 0, b"EEP3" + OPTIONS[4:]),
    ("magic", 0, gzip.compress(OPTIONS)),
    ("magic", 0, SIP),
    ("eep1", 0, b"EEP1" + OPTIONS[4:]),
    ("hep-v1", 0, b"\x01\x10\x02\x11" + bytes(12) + SIP),
    ("hep-v2", 0, b"\x02\x10\x02\x11" + bytes(22) + SIP),
    ("total-length", 4, b"HEP3\0\0"),
    ("total-length", 4, b"HEP3\0\5"),
    ("total-length", 4, OPTIONS + b"\0"),
    ("total-length", 4, OPTIONS[:-1]),
    ("total-length", 4, OPTIONS + OPTIONS),
    ("total-length", 4, b"HEP3\xff\xff"),
    ("chunk-header", 363, good(last=b"\0")),
    ("chunk-header", 363, good(last=b"\0\0\0\x99\0")),
    ("chunk-length", 363, good(last=chunk(0x99, b"", length=0))),
    ("chunk-length", 363, good(last=chunk(0x99, b"", length=1))),
    ("chunk-length", 363, good(last=chunk(0x99, b"", length=5))),
    ("chunk-length", 6, frame(chunk(0x01, b"\2", length=3), OPTIONS[13:])),
    ("chunk-length", 138, without(0x0F)[:4] + b"\0\x90" + OPTIONS[6:138] + b"\0\0\0\x0f\0\5"),
    ("chunk-overrun", 138, good({0x0F: None}, last=chunk(0x0F, SIP, length=226))),
    ("chunk-overrun", 138, good({0x0F: None}, last=chunk(0x0F, SIP, length=525))),
    ("chunk-overrun", 363, good(last=chunk(0x99, b"", length=65535))),
    ("chunk-width", 6, good({0x01: b""})),
    ("chunk-width", 6, good({0x01: b"\0\2"})),
    ("chunk-width", 20, good({0x03: bytes(16)})),
    ("chunk-width", 40, good({0x07: bytes(4)})),
    ("chunk-width", 83, good({0x0C: b"\x30\x39"})),
    ("type-zero", 363, good(last=chunk(0, b""))),
    ("duplicate-chunk", 363, good(last=chunk(0x01, b"\2"))),
    ("duplicate-chunk", 363, good(last=chunk(0x0F, SIP))),
    ("nul-in-string", 93, good({0x0E: b"foo\0"})),
    ("nul-in-string", 105, good({0x11: b"\0c1"})),
    ("nul-in-string", 124, good({0x13: b"esp\x0032"})),
    *[
        ("missing-chunk", 363 - 6 - len(GOOD[kind]), without(kind))
        for kind in GOOD
        if kind not in (0x0E, 0x11, 0x13)
    ],
    ("missing-chunk", 6, frame()),
    ("mixed-addresses", 138, good({0x05: V6[0x05], 0x06: V6[0x06]})),
    ("mixed-addresses", 128, good({0x04: None, 0x06: V6[0x06]})),
    ("family", 6, good({0x01: b"\x0a"})),
    ("family", 6, good({0x01: b"\0"})),
    ("family", 6, good({0x01: b"\x1e"})),
    ("family", 6, good(V6)),
    ("family", 6, good(V6 | {0x01: b"\x18"})),
    ("microseconds", 66, good({0x0A: (1_000_000).to_bytes(4, "big")})),
    ("microseconds", 66, good({0x0A: (5_000_000).to_bytes(4, "big")})),
    ("two-payloads", 363, good(last=chunk(0x10, SQUEEZED))),
    ("compression", 138, packed(b"")),
    ("compression", 138, packed(SIP)),
    ("inflate", 138, packed(SQUEEZED[:-1])),
    ("inflate", 138, packed(SQUEEZED[:20] + b"\0" + SQUEEZED[21:])),
    ("inflate", 138, packed(SQUEEZED + b"x")),
    ("inflate", 138, packed(b"\x1f\x8b")),
    ("inflate-limit", 138, packed(BOMB)),
    ("inflate-limit", 138, packed(gzip.compress(b"\0" * 3_000_000))),
]

# (remark, offset, packet): what strict decoding accepts, saying so.
REMARKED = [
    ("foreign-family", 6, good(V6 | {0x01: b"\x17"})),
    ("foreign-family", 6, good(V6 | {0x01: b"\x1c"})),
    ("foreign-family", 6, good(V6 | {0x01: b"\x1e"})),
    ("node-id-swapped", 83, good({0x0C: b"\x07\xd2\0\0"})),
    ("empty-string", 93, good({0x0E: b""})),
    ("empty-string", 124, good({0x13: b""})),
    ("empty-payload", 138, good({0x0F: b""})),
    ("packed-payload", 138, good({0x0F: SQUEEZED})),
    ("packed-payload", 138, good({0x0F: gzip.compress(SIP)})),
    ("payload-not-last", 138, good(last=chunk(0x99, b"x"))),
    ("payload-not-last", 6, frame(chunk(0x0F, SIP), without(0x0F)[6:])),
    ("correlation-last", 344, good({0x11: None}, last=chunk(0x11, b"c1"))),
    ("correlation-last", 344, good({0x11: None}, last=chunk(0x11, b"c1") + b"\1\0\0\x99\0\6")),
    ("no-correlation", 76, good({0x0B: b"\5", 0x11: None})),
    ("no-correlation", 76, good({0x0B: b"\x64", 0x11: b""})),
    ("key-length", 93, good({0x0E: b"k" * 101})),
    ("vendor-type", 363, good(last=chunk(0x0F, b"BYE", vendor=0x8888))),
    ("ip-protocol", 13, good({0x02: b"\0"})),
    ("type-reserved", 76, good({0x0B: b"\0"})),
    ("time-unset", 56, good({0x09: bytes(4), 0x0A: bytes(4)})),
]


@pytest.mark.parametrize("name, at, data", REFUSED)
def test_strict_refuses_with_name_and_offset(name, at, data):
    with pytest.raises(HepError) as caught:
        decode(data)
    error = caught.value
    assert (error.name, error.offset) == (name, at)
    assert str(error).startswith(f"{name} at offset {at}: ")
    assert error.sentence and error.name in FAULTS
    assert error.name not in REMARKS


@pytest.mark.parametrize("name, at, data", REFUSED)
def test_lenient_lists_the_same_fault_or_raises_it(name, at, data):
    try:
        faults = decode(data, strict=False).faults
    except HepError as error:
        assert not data.startswith(b"HEP3") or len(data) <= 6
        faults = [error.fault]
    assert (name, at) in [(fault.name, fault.offset) for fault in faults]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name, at, data", REMARKED)
def test_remarks(name, at, data, strict):
    packet = decode(data, strict=strict)
    assert (name, at) in [(fault.name, fault.offset) for fault in packet.lint]
    assert packet.faults == []


def test_every_fault_has_a_packet_that_provokes_it():
    with pytest.raises(HepError) as caught:
        StreamReader(limit=300).feed(OPTIONS)
    provoked = {name for name, _, _ in REFUSED} | {caught.value.name}
    remarked = {name for name, _, _ in REMARKED}
    assert remarked == REMARKS
    assert provoked | remarked == set(FAULTS)


def lenient(data):
    return decode(data, strict=False)


def test_lenient_takes_what_is_there():
    bare = lenient(frame(chunk(0x0F, SIP)))
    assert (bare.payload, bare.src, bare.family, bare.stamp_us) == (SIP, None, None, 0)
    assert [fault.name for fault in bare.faults] == ["missing-chunk"] * 10
    cut = lenient(OPTIONS[:-10])
    assert cut.payload == SIP[:-10]
    assert [fault.name for fault in cut.faults] == ["total-length", "chunk-overrun"]
    trailing = lenient(OPTIONS + b"junk")
    assert (trailing.payload, trailing.faults[0].name) == (SIP, "total-length")
    assert lenient(good({0x07: bytes(4)})).sport is None


def test_lenient_lets_the_last_duplicate_win():
    packet = lenient(good(last=chunk(0x0C, (7).to_bytes(4, "big"))))
    assert packet.node_id == 7


def test_lenient_picks_the_addresses_of_the_family():
    both = good({0x05: V6[0x05], 0x06: V6[0x06]})
    assert lenient(both).src == "192.0.2.10"
    assert lenient(good({0x05: V6[0x05], 0x06: V6[0x06], 0x01: b"\x0a"})).src == "2001:db8::10"


def test_lenient_prefers_the_plain_payload_and_survives_a_bomb():
    assert lenient(good(last=chunk(0x10, SQUEEZED))).payload == SIP
    bomb = lenient(packed(BOMB))
    assert (bomb.payload, bomb.compressed) == (b"", None)


def test_accepts_any_bytes_like():
    assert decode(memoryview(OPTIONS)) == decode(bytearray(OPTIONS)) == decode(OPTIONS)
