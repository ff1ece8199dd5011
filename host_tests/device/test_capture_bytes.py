"""What a capture puts on the wire, octet for octet."""

from binascii import unhexlify

from capture_doubles import agent, at, chunks, drain, field, stamp
from uhep import IN, LOG, OUT, RTCP, SCTP, SIP, TCP, TLS, UDP
from uhep.chunks import GROUP, JITTER, MOS, R_FACTOR, VLAN
from uhep.ends import peer_at

HERE = ("192.0.2.10", 5060)
THERE = ("192.0.2.20", 5060)

OPTIONS = (
    b"OPTIONS sip:192.0.2.20 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:100@192.0.2.10>;tag=a1\r\n"
    b"To: <sip:192.0.2.20>\r\n"
    b"Call-ID: c1@192.0.2.10\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)

# The worked examples of the wire format, in this agent's order of chunks.
SIP_EXAMPLE = unhexlify(
    "48455033016b0000000100070200000002000711000000070008"
    "13c400000008000813c400000009000a6955b9000000000a000a"
    "0001e2400000000b0007010000000c000a0000303900000003000a"
    "c000020a00000004000ac00002140000000e000c666f6f626172"
    "00000013000e65737033322d30310000001100136331403139322e302e322e3130"
    "0000000f00e1"
)
RTCP_JSON = (
    b'{"ssrc":305419896,"type":200,"report_count":1,"sender_information":'
    b'{"ntp_timestamp_sec":3976214400,"ntp_timestamp_usec":530239482,"rtp_timestamp":160000,'
    b'"packets":1000,"octets":160000},"report_blocks":[{"source_ssrc":2271560481,'
    b'"fraction_lost":12,"packets_lost":7,"highest_seq_no":66536,"ia_jitter":40,'
    b'"lsr":2415935488,"dlsr":65536}]}'
)
IPV6_EXAMPLE = unhexlify(
    "48455033007c0000000100070a0000000200071100000007000813c4"
    "00000008000813c400000009000a6955b9000000000a000a0001e240"
    "0000000b0007010000000c000a00003039"
    "00000005001620010db8000000000000000000000010"
    "00000006001620010db8000000000000000000000020"
    "0000000f000758"
)


def sent(a, flow, way, buf, n=None, cid=None):
    # One capture, and the packet it became. It is one microsecond later than the time set.
    a.clock.set(2000000000)
    a.clock.set(1767225600, 123455)
    assert a.capture(flow, way, buf, len(buf) if n is None else n, cid)
    (packet,) = drain(a)
    return packet


def test_sip_example():
    a = agent()
    packet = sent(a, a.flow(HERE, THERE, proto=UDP), OUT, OPTIONS)
    assert packet == SIP_EXAMPLE + OPTIONS


def test_rtcp_example():
    a = agent()
    flow = a.flow(("192.0.2.10", 10001), ("192.0.2.20", 10021), kind=RTCP)
    packet = sent(a, flow, OUT, RTCP_JSON, cid=b"c1@192.0.2.10")
    assert len(packet) == 478
    assert [k for k, _ in chunks(packet)] == [1, 2, 7, 8, 9, 10, 11, 12, 3, 4, 14, 19, 17, 15]
    assert field(packet, 7) == b"\x27\x11" and field(packet, 8) == b"\x27\x25"
    assert field(packet, 11) == b"\x05"
    assert field(packet, 15) == RTCP_JSON


def test_ipv6_example():
    a = agent(capture_name="", capture_password="")
    flow = a.flow(("2001:db8::10", 5060), ("2001:db8::20", 5060))
    assert sent(a, flow, OUT, b"X") == IPV6_EXAMPLE


def test_direction_decides_the_ends():
    a = agent()
    flow = a.flow(("192.0.2.10", 5060), ("198.51.100.7", 5070))
    for way, src, dst, sport, dport in (
        (OUT, b"\xc0\0\x02\x0a", b"\xc6\x33\x64\x07", b"\x13\xc4", b"\x13\xce"),
        (IN, b"\xc6\x33\x64\x07", b"\xc0\0\x02\x0a", b"\x13\xce", b"\x13\xc4"),
    ):
        packet = sent(a, flow, way, OPTIONS)
        assert (field(packet, 3), field(packet, 4)) == (src, dst)
        assert (field(packet, 7), field(packet, 8)) == (sport, dport)


def test_transports_and_kinds():
    a = agent()
    for proto, octet in ((UDP, 17), (TCP, 6), (SCTP, 132), (TLS, 6)):
        assert field(sent(a, a.flow(HERE, THERE, proto), OUT, OPTIONS), 2) == bytes((octet,))
    for kind in (SIP, 2, RTCP, 34, 35, LOG, 255):
        assert field(sent(a, a.flow(HERE, THERE, kind=kind), OUT, b"x" * 40), 11) == bytes((kind,))
    a = agent(tls_proto=22)
    assert field(sent(a, a.flow(HERE, THERE, TLS), OUT, OPTIONS), 2) == b"\x16"


def test_node_id_is_32_bit():
    a = agent(capture_id=0xFFFFFFFE)
    assert field(sent(a, a.flow(HERE, THERE), OUT, OPTIONS), 12) == b"\xff\xff\xff\xfe"


def test_strings_that_are_empty_are_left_out():
    a = agent(capture_name="", capture_password="")
    kinds = [k for k, _ in chunks(sent(a, a.flow(HERE, THERE, kind=LOG), OUT, b"text"))]
    assert kinds == [1, 2, 7, 8, 9, 10, 11, 12, 3, 4, 15]
    kinds = [k for k, _ in chunks(sent(a, a.flow(HERE, THERE), OUT, OPTIONS, cid=b""))]
    assert 17 not in kinds


def test_octets_are_a_hosts_name_as_well():
    a = agent()
    flow = a.flow((b"\xc0\0\x02\x0a", 1), (bytearray((192, 0, 2, 20)), 2))
    assert field(sent(a, flow, IN, OPTIONS), 3) == b"\xc0\0\x02\x14"


def test_mixed_families_become_one():
    a = agent()
    packet = sent(a, a.flow(("::ffff:192.0.2.10", 1), THERE), OUT, OPTIONS)
    assert field(packet, 1) == b"\x02" and field(packet, 3) == b"\xc0\0\x02\x0a"
    packet = sent(a, a.flow(("2001:db8::10", 1), THERE), OUT, OPTIONS)
    assert field(packet, 1) == b"\x0a"
    assert field(packet, 6) == bytes(10) + b"\xff\xff\xc0\0\x02\x14"
    packet = sent(a, a.flow(("fe80::1%eth0", 1), ("::", 2)), OUT, OPTIONS)
    assert field(packet, 5) == b"\xfe\x80" + bytes(13) + b"\x01"


def test_addresses_that_are_none():
    a = agent()
    for host in ("", "pbx.example", "192.0.2", "192.0.2.256", "1:2", "::g", "1::2::3", b"abc", 7):
        try:
            a.flow((host, 5060), THERE)
        except ValueError as e:
            assert repr(host) in str(e)
        else:
            assert False, host


def test_payload_over_the_limit_is_cut_before_its_length_is_written():
    a = agent(max_packet=700)
    flow = a.flow(HERE, THERE)
    big = OPTIONS + b"b" * 2000
    packet = sent(a, flow, OUT, big)
    assert len(packet) == 700
    payload = field(packet, 15)
    assert payload == big[: len(payload)]
    assert a.stats()["truncated"] == 1
    packet = sent(a, flow, OUT, big, n=len(OPTIONS))
    assert field(packet, 15) == OPTIONS
    assert a.stats()["truncated"] == 1


def test_every_length_around_the_steps():
    a = agent(queue_bytes=8192, max_packet=4096)
    flow = a.flow(HERE, THERE, kind=LOG)
    data = bytes([i * 7 & 255 for i in range(3000)])
    for n in (1, 2, 3, 4, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 3000):
        assert field(sent(a, flow, OUT, data, n), 15) == data[:n]


def test_any_bytes_like():
    a = agent()
    flow = a.flow(HERE, THERE)
    padded = b"?" + OPTIONS + b"??"
    for buf in (OPTIONS, bytearray(OPTIONS), memoryview(padded)[1 : 1 + len(OPTIONS)]):
        packet = sent(a, flow, OUT, buf)
        assert field(packet, 17) == b"c1@192.0.2.10"
        assert field(packet, 15) == OPTIONS


def test_lengths_that_are_none():
    a = agent()
    flow = a.flow(HERE, THERE)
    for n in (0, -1, -70000):
        assert a.capture(flow, OUT, OPTIONS, n) is False
    assert a.capture(flow, OUT, b"", 5) is False
    assert a.stats()["empty"] == 4 and a.stats()["captured"] == 4
    # More than there is: what there is.
    assert field(sent(a, flow, OUT, OPTIONS, 99999), 15) == OPTIONS


def test_correlation_id_as_given():
    a = agent()
    flow = a.flow(HERE, THERE, kind=RTCP)
    for cid, expected in (
        (b"x", b"x"),
        (b"a\0b", b"a"),
        (b"\0", None),
        (b"c" * 255, b"c" * 255),
        (b"c" * 300, b"c" * 255),
        (None, None),
    ):
        assert field(sent(a, flow, OUT, b"{}", cid=cid), 17) == expected, cid
    # It wins over the Call-ID.
    assert field(sent(a, a.flow(HERE, THERE), OUT, OPTIONS, cid=b"mine"), 17) == b"mine"


def test_channel_is_the_correlation_id():
    a = agent(uuid_type="channel")
    flow = a.flow(HERE, THERE)
    a.channel(b"SIP/17-1")
    assert field(sent(a, flow, OUT, OPTIONS), 17) == b"SIP/17-1"
    a.channel(None)
    assert field(sent(a, flow, OUT, OPTIONS), 17) == b"c1@192.0.2.10"
    a = agent()
    a.channel(b"SIP/17-1")
    assert field(sent(a, a.flow(HERE, THERE), OUT, OPTIONS), 17) == b"c1@192.0.2.10"


def test_optional_chunks():
    a = agent()
    flow = a.flow(
        HERE,
        THERE,
        kind=34,
        chunks={MOS: 0, R_FACTOR: 93, JITTER: 0, VLAN: 4094, GROUP: b"site-7"},
    )
    flow.put(MOS, 410)
    flow.put(JITTER, 70000)
    for way in (IN, OUT):
        packet = sent(a, flow, way, b"{}", cid=b"c")
        assert field(packet, 0x20) == b"\x01\x9a"
        assert field(packet, 0x21) == b"\0\x5d"
        assert field(packet, 0x23) == b"\0\x01\x11\x70"
        assert field(packet, 0x12) == b"\x0f\xfe"
        assert field(packet, 0x29) == b"site-7"
    flow.put(MOS, 100)
    assert field(sent(a, flow, IN, b"{}", cid=b"c"), 0x20) == b"\0\x64"
    kinds = [k for k, _ in chunks(sent(a, flow, IN, b"{}", cid=b"c"))]
    assert kinds[-2:] == [17, 15]
    try:
        a.flow(HERE, THERE).put(MOS, 1)
    except KeyError:
        pass
    else:
        assert False


def test_what_does_not_fit_its_field():
    a = agent()
    for local, more in (
        (("192.0.2.10", 65536), {}),
        (("192.0.2.10", -1), {}),
        (HERE, {"proto": 256}),
        (HERE, {"kind": -1}),
        (HERE, {"chunks": {MOS: 65536}}),
        (HERE, {"chunks": {JITTER: -1}}),
        (HERE, {"chunks": {1: 10}}),
        (HERE, {"chunks": {15: 10}}),
        (HERE, {"chunks": {GROUP: b""}}),
        (HERE, {"chunks": {GROUP: b"a\0b"}}),
        (HERE, {"chunks": {GROUP: b"g" * 65}}),
    ):
        try:
            a.flow(local, THERE, **more)
        except ValueError:
            pass
        else:
            assert False, (local, more)


def test_what_a_collector_does_not_take():
    a = agent(profile="kamailio")
    for kind in (34, 35):
        flow = a.flow(HERE, THERE, kind=kind)
        assert a.capture(flow, OUT, b"{}", 2, b"c") is False
    assert a.stats()["unwanted"] == 2 and a.stats()["dropped"] == 2
    assert drain(a) == []
    assert a.capture(a.flow(HERE, THERE, kind=RTCP), OUT, b"{}", 2, b"c")
    a = agent()
    assert a.capture(a.flow(HERE, THERE, kind=34), OUT, b"{}", 2, b"c")


def test_a_flow_moves_to_another_peer():
    a = agent()
    flow = a.flow(HERE, THERE)
    peer_at(flow, b"??\xc6\x33\x64\x07", 2, 5099)
    packet = sent(a, flow, IN, OPTIONS)
    assert field(packet, 3) == b"\xc6\x33\x64\x07" and field(packet, 7) == b"\x13\xeb"
    assert field(packet, 4) == b"\xc0\0\x02\x0a" and field(packet, 8) == b"\x13\xc4"
    flow = a.flow(("2001:db8::10", 5060), ("2001:db8::20", 5060))
    peer_at(flow, b"\xfe\x80" + bytes(13) + b"\x09", 0, 5099)
    packet = sent(a, flow, OUT, OPTIONS)
    assert field(packet, 6) == b"\xfe\x80" + bytes(13) + b"\x09"
    assert field(packet, 8) == b"\x13\xeb"


def test_disabled_captures_nothing():
    a = agent()
    flow = a.flow(HERE, THERE)
    a.enabled = False
    assert a.capture(flow, OUT, OPTIONS, len(OPTIONS)) is False
    assert a.stats()["captured"] == 0
    a.enabled = True
    assert a.capture(flow, OUT, OPTIONS, len(OPTIONS)) is True


def test_stamps_are_of_the_capture():
    a = agent()
    flow = a.flow(HERE, THERE)
    a.ticks.pass_us(876544)
    a.capture(flow, OUT, OPTIONS, len(OPTIONS))
    a.ticks.pass_us(5)
    a.capture(flow, IN, OPTIONS, len(OPTIONS))
    a.ticks.pass_us(60000000)
    first, second = drain(a)
    assert stamp(first) == at(1767225601, 0)
    assert stamp(second) == at(1767225601, 5)
