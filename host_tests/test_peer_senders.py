"""HEP of programs that watch calls, live: our decoder reads what was said on the wire."""

import json
import time
from collections import Counter

import pytest
from peers import kamailio, listener, rtp, rtpengine, sipp, sngrep
from uhep_tools.hep import decode

PROTO = {"udp": 17, "tcp": 6}


@pytest.fixture
def collector():
    with listener.listener() as it:
        yield it


def _leg(packets, port):
    """The packets with one end on a port, countable: addresses, protocol, payload."""
    return Counter(
        (p.proto, p.src, p.sport, p.dst, p.dport, p.payload)
        for p in packets
        if port in (p.sport, p.dport)
    )


def _said(call, proto, host, peer):
    """The same of what sipp says that it sent and received."""
    own, other = (host, call.port), (host, peer)
    return Counter(
        (proto, *(own + other if sent else other + own), message)
        for sent, message in call.messages
    )


def _assert_stamped_now(packets, began):
    for packet in packets:
        assert began - 1 <= packet.stamp_us / 1e6 <= time.time() + 1


@pytest.mark.peer("kamailio", "sipp")
@pytest.mark.parametrize("hep_over", ["udp", "tcp"])
@pytest.mark.parametrize(
    "transport, host", [("udp", "127.0.0.1"), ("tcp", "127.0.0.1"), ("udp", "::1")]
)
def test_siptrace_call(tmp_path, collector, hep_over, transport, host):
    """siptrace sends a proxied call: addresses, ports, protocol, time, id, whole messages"""
    began = time.time()
    defines = ["TRACE_ALL"] + ["HEP_TCP"] * (hep_over == "tcp")
    kind = "udp6" if ":" in host else transport
    with (
        sipp.uas(tmp_path, transport, host) as phone,
        kamailio.proxy(tmp_path, collector.port, {kind: phone}, *defines) as proxy,
    ):
        call = sipp.call(tmp_path, proxy, transport, host)
        packets = [decode(packet) for packet in collector.wait(13)]

    assert len(packets) == 13
    assert len(call.messages) == 7
    assert _leg(packets, call.port) == _said(call, PROTO[transport], host, proxy)
    assert _leg(packets, phone).total() == 6
    for packet in packets:
        assert packet.family == (10 if ":" in host else 2)
        assert (packet.type, packet.node_id) == (1, kamailio.CAPTURE_ID)
        assert (packet.key, packet.cid, packet.node_name) == (None, None, None)
        assert packet.lint == []
    _assert_stamped_now(packets, began)


@pytest.mark.peer("kamailio", "sipp")
def test_siptrace_key_correlation_logs(tmp_path, collector):
    """siptrace with auth key and correlation id, hlog() lines as type 100"""
    with (
        sipp.uas(tmp_path) as phone,
        kamailio.proxy(
            tmp_path, collector.port, {"udp": phone}, "WITH_CID", "WITH_KEY", "WITH_HLOG"
        ) as proxy,
    ):
        call = sipp.call(tmp_path, proxy)
        packets = [decode(packet) for packet in collector.wait(18)]

    assert {p.key for p in packets} == {kamailio.KEY.encode()}
    call_id = _call_id(call)
    sip = [p for p in packets if p.type == 1]
    assert len(sip) == 12
    # In this mode Kamailio gives the id only to the requests that came in.
    with_id = [p for p in sip if p.cid]
    assert Counter(p.payload.split()[0] for p in with_id) == Counter([b"INVITE", b"ACK", b"BYE"])
    assert {p.cid for p in with_id} == {call_id + b"-corr"}
    assert {p.sport for p in with_id} == {call.port}

    logs = Counter((p.cid, p.payload) for p in packets if p.type == 100)
    expected = Counter()
    for method in b"INVITE", b"ACK", b"BYE":
        text = b"%s from 127.0.0.1:%d call %s" % (method, call.port, call_id)
        expected[call_id, text] += 1
        expected[b"own-id-" + method, b"a log with an id of its own"] += 1
    assert logs == expected
    assert {p.sport for p in packets if p.type == 100} == {proxy}


@pytest.mark.peer("kamailio", "sipp")
def test_siptrace_registration(tmp_path, collector):
    """siptrace sends a registration with digest: challenge and answer, whole messages"""
    with kamailio.proxy(tmp_path, collector.port, {}, "TRACE_ALL") as proxy:
        call = sipp.call(tmp_path, proxy, scenario="register.xml")
        packets = [decode(packet) for packet in collector.wait(4)]

    assert _leg(packets, call.port) == _said(call, 17, "127.0.0.1", proxy)
    texts = [p.payload for p in packets]
    assert sum(b"\r\nWWW-Authenticate: Digest " in text for text in texts) == 1
    assert sum(b"\r\nAuthorization: Digest " in text for text in texts) == 1


@pytest.mark.peer("sngrep", "sipp")
@pytest.mark.parametrize(
    "transport, host", [("udp", "127.0.0.1"), ("tcp", "127.0.0.1"), ("udp", "::1")]
)
def test_sngrep_sends(tmp_path, collector, transport, host):
    """sngrep -H sends a sniffed call: addresses, ports, protocol, time, key, whole messages"""
    sngrep.needs_sniffing()
    began = time.time()
    with (
        sipp.uas(tmp_path, transport, host) as phone,
        sngrep.sender(tmp_path, collector.port, [phone], capture_id=2002, key="sesame"),
    ):
        call = sipp.call(tmp_path, phone, transport, host)
        packets = [decode(packet) for packet in collector.wait(6)]

    assert _leg(packets, call.port) == _said(call, PROTO[transport], host, phone)
    for packet in packets:
        assert packet.family == (10 if ":" in host else 2)
        assert (packet.key, packet.cid) == (b"sesame", None)
        # Its fault: 16 bits swapped into a field of 32. The decoder says what may be meant.
        assert packet.node_id == 2002 << 16
        assert [fault.name for fault in packet.lint] == ["node-id-swapped"]
    _assert_stamped_now(packets, began)


@pytest.mark.peer("rtpengine")
@pytest.mark.parametrize("hep_over", ["udp", "tcp"])
def test_rtpengine_reports(tmp_path, collector, hep_over):
    """rtpengine sends RTCP SR and RR as JSON: every field, addresses, correlation id"""
    caller_ssrc, callee_ssrc = 0x11111111, 0xEEEEEEEE
    heard = rtp.block(callee_ssrc, 3, 7, 70000, 17, 0x12345678, 6553)
    report = rtp.sender_report(caller_ssrc, 0xE0000001, 0x80000000, 800, 5, 860, heard)
    answer = rtp.receiver_report(
        callee_ssrc, rtp.block(caller_ssrc, 255, -2, 0xFFFFFFFF, 0xFFFFFFFF, 1, 2)
    )
    with rtpengine.rtpengine(tmp_path, collector.port, hep_over) as control:
        with rtpengine.call(control, "call-1@uhep.test") as (caller, callee):
            for seq in range(5):
                caller.send_rtp(rtp.rtp(caller_ssrc, seq, seq * 160))
                callee.receive_rtp()
                callee.send_rtp(rtp.rtp(callee_ssrc, seq, seq * 160))
                caller.receive_rtp()
            caller.send_rtcp(report)
            callee.receive_rtcp()
            callee.send_rtcp(answer)
            caller.receive_rtcp()
        first, second = [decode(packet) for packet in collector.wait(2)]

    assert json.loads(first.payload) == {
        "ssrc": caller_ssrc,
        "type": 200,
        "report_count": 1,
        "sender_information": {
            "ntp_timestamp_sec": 0xE0000001,
            "ntp_timestamp_usec": 0x80000000,
            "rtp_timestamp": 800,
            "packets": 5,
            "octets": 860,
        },
        "report_blocks": [
            {
                "source_ssrc": callee_ssrc,
                "fraction_lost": 3,
                "packets_lost": 7,
                "highest_seq_no": 70000,
                "ia_jitter": 17,
                "lsr": 0x12345678,
                "dlsr": 6553,
            }
        ],
    }
    assert json.loads(second.payload) == {
        "ssrc": callee_ssrc,
        "type": 201,
        "report_count": 1,
        "report_blocks": [
            {
                "source_ssrc": caller_ssrc,
                "fraction_lost": 255,
                "packets_lost": 0xFFFFFE,  # -2 in 24 bits
                "highest_seq_no": 0xFFFFFFFF,
                "ia_jitter": 0xFFFFFFFF,
                "lsr": 1,
                "dlsr": 2,
            }
        ],
    }
    for packet, party in (first, caller), (second, callee):
        assert (packet.type, packet.proto, packet.family) == (5, 17, 2)
        assert (packet.src, packet.sport) == ("127.0.0.1", party.rtcp_port)
        assert (packet.dst, packet.dport) == ("127.0.0.1", party.relay + 1)
        assert packet.cid == b"call-1@uhep.test"
        assert packet.node_id == rtpengine.CAPTURE_ID
        assert packet.lint == []


def _call_id(call):
    first = call.messages[0][1]
    return next(line[9:] for line in first.split(b"\r\n") if line.startswith(b"Call-ID: "))
