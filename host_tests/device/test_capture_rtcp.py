"""RTCP to HEP type 5: what each compound packet becomes, and what is only counted."""

import json

from capture_doubles import agent, drain, field
from rtcp_doubles import app, block, bye, chunk, packet, padded, rr, sdes, sr, u32, voip, xr
from uhep import IN, OUT, RTCP
from uhep.rtcp import Rtcp

HERE = ("192.0.2.10", 10001)
THERE = ("192.0.2.20", 10021)
CALL = b"c1@192.0.2.10"

WORKED = (
    b'{"ssrc":305419896,"type":200,"report_count":1,"sender_information":'
    b'{"ntp_timestamp_sec":3976214400,"ntp_timestamp_usec":530239482,"rtp_timestamp":160000,'
    b'"packets":1000,"octets":160000},"report_blocks":[{"source_ssrc":2271560481,'
    b'"fraction_lost":12,"packets_lost":7,"highest_seq_no":66536,"ia_jitter":40,'
    b'"lsr":2415923200,"dlsr":65536}]}'
)
CNAME = chunk(0x12345678, (1, b"alice@192.0.2.10"))


class Call:
    def __init__(self, **config):
        if config.get("rtcp_style") or "rtcp_rr_compat" in config:
            config["status_s"] = 0
        self.agent = agent(**config)
        self.rtcp = Rtcp(self.agent)
        self.rtcp.cid = CALL
        self.flow = self.rtcp.flow(HERE, THERE)

    def raw(self, data, way=OUT):
        """The payloads of the packets that a datagram became."""
        queued = self.rtcp.capture(self.flow, way, data, len(data))
        self.packets = drain(self.agent)
        assert queued == bool(self.packets)
        return [field(p, 15) for p in self.packets]

    def read(self, data, way=OUT):
        (text,) = self.raw(data, way)
        return json.loads(text)

    def refused(self, data, kind):
        before = dict(self.rtcp.counts)
        assert self.raw(bytes(data), IN) == [], kind
        now = self.rtcp.counts
        changed = [k for k in now if now[k] != before[k]]
        assert changed == [kind], (changed, kind, bytes(data))


def test_worked_example():
    call = Call()
    assert call.raw(sr(block())) == [WORKED]
    (p,) = call.packets
    assert field(p, 11) == b"\x05" and field(p, 17) == CALL
    assert field(p, 7) == b"\x27\x11" and field(p, 8) == b"\x27\x25"
    call.raw(sr(block()), IN)
    (p,) = call.packets
    assert field(p, 7) == b"\x27\x25" and field(p, 3) == b"\xc0\0\x02\x14"


def test_numbers_of_32_bits():
    call = Call()
    for value in (0, 9, 10, 9999, 0x3FFFFFFF, 0x40000000, 2147483648, 3999999999, 0xFFFFFFFF):
        found = call.read(sr(block(value, 255, 0, value, value, value, value), ssrc=value))
        (b,) = found["report_blocks"]
        assert found["ssrc"] == b["source_ssrc"] == b["highest_seq_no"] == value
        assert b["ia_jitter"] == b["lsr"] == b["dlsr"] == value
    found = call.read(sr(sec=0xFFFFFFFF, frac=0xFFFFFFFF, stamp=0xFFFFFFFF))
    assert found["sender_information"]["ntp_timestamp_sec"] == 0xFFFFFFFF
    assert found["sender_information"]["rtp_timestamp"] == 0xFFFFFFFF


def test_all_blocks_and_loss_below_nothing():
    call = Call()
    found = call.read(rr(block(1, lost=-2), block(2, lost=0x7FFFFF), block(3, lost=-0x800000)))
    assert sorted(found) == ["report_blocks", "report_count", "ssrc", "type"]
    assert (found["type"], found["report_count"]) == (201, 3)
    assert [b["packets_lost"] for b in found["report_blocks"]] == [0, 0x7FFFFF, 0]
    assert call.read(rr())["report_blocks"] == []


def test_more_reports_of_one_sender_are_one():
    call = Call()
    found = call.read(sr(block(1)) + rr(block(2), block(3)) + rr(block(4)) + sdes(CNAME))
    assert [b["source_ssrc"] for b in found["report_blocks"]] == [1, 2, 3, 4]
    assert found["report_count"] == 4 and found["type"] == 200
    texts = [json.loads(t) for t in call.raw(rr(block(1)) + rr(block(2), ssrc=9) + sdes(CNAME))]
    assert [t["ssrc"] for t in texts] == [0x12345678, 9]
    assert ["sdes_information" in t for t in texts] == [False, True]


def test_blocks_without_room_are_left_out_and_counted():
    call = Call()
    found = call.read(rr(*[block(n) for n in range(31)]) + sdes(CNAME))
    n = found["report_count"]
    assert n == len(found["report_blocks"]) == 9
    assert call.rtcp.counts["cut"] == 1
    call = Call(max_packet=8000, queue_bytes=16384)
    from uhep.jsontext import Json

    call.rtcp = Rtcp(call.agent, Json(7000))
    found = call.read(rr(*[block(0xFFFFFFFF, 255, 0x7FFFFF, *[0xFFFFFFFF] * 4)] * 31))
    assert found["report_count"] == len(found["report_blocks"]) == 31
    assert call.rtcp.counts["cut"] == 0


def test_what_has_no_room_is_left_out_of_the_report():
    items = [
        (1, b"3a5f0c2e-0d2b-4c55-8a7f@198.51.100.24"),
        (2, b"Reception desk"),
        (3, b"reception@example.com"),
        (4, b"+49 30 1234567"),
        (5, b"Building 7, floor 2, room 2.07"),
        (6, b"Acme VoIP Phone 5000 firmware 12.3.4-77"),
        (7, b"busy"),
    ]
    data = sr(block(), block(), block()) + sdes(chunk(0x12345678, *items)) + bye(0x12345678)
    call = Call(max_packet=1400)
    found = call.read(data)
    assert len(found["report_blocks"]) == 3 and "sdes_information" not in found
    assert found["bye"] == [0x12345678] and call.rtcp.counts["cut"] == 1
    call = Call()
    assert len(call.read(data)["sdes_information"]) == 7 and call.rtcp.counts["cut"] == 0
    # From the shortest to one that has room, to the octet.
    for n in range(60, 256, 3):
        call = Call(max_packet=1400)
        found = call.read(sr(block()) + sdes(chunk(1, *[(1, b"x" * n)] * 3)))
        assert call.rtcp.counts["cut"] == ("sdes_information" not in found)
    assert call.rtcp.counts["cut"] == 1
    # Alone it is no report.
    assert call.raw(sdes(chunk(1, *[(1, b"x" * 255)] * 4))) == []
    assert call.rtcp.counts["cut"] == 2
    # Nor is what a packet with a long correlation id does not take.
    data = sr(block(), block(), block())
    assert len(call.raw(data)) == 1
    call.rtcp.cid = b"c" * 700
    assert call.raw(data) == [] and call.agent.stats()["truncated"] == 0
    assert call.rtcp.counts["cut"] == 3


def test_sdes():
    call = Call()
    name = 'K\u00f6ln "x"\\'.encode()
    data = sr() + sdes(
        chunk(0x12345678, (1, b"alice@192.0.2.10"), (6, name)),
        chunk(0xFFFFFFFF),
        chunk(7, (8, b"\x03a\0b\x1f\xc3\x28\xff")),
    )
    found = call.read(data)
    assert found["sdes_report_count"] == 3
    assert found["sdes_information"] == [
        {"sdes_chunk_ssrc": 0x12345678, "type": 1, "text": "alice@192.0.2.10"},
        {"sdes_chunk_ssrc": 0x12345678, "type": 6, "text": 'K\u00f6ln "x"\\'},
        {"sdes_chunk_ssrc": 7, "type": 8, "text": "\x03a?b\x1f\u00c3(\u00ff"},
    ]
    assert call.read(sdes())["sdes_information"] == []
    for bad in (b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98"):
        text = call.read(rr() + sdes(chunk(1, (1, bad))))["sdes_information"][0]["text"]
        assert text == "".join([chr(c) for c in bad])
    for good in ("\u20ac", "\U0001f600", "\ud7ff", "\u07ff", "\x7f"):
        text = call.read(rr() + sdes(chunk(1, (1, good.encode()))))["sdes_information"][0]["text"]
        assert text == good


def test_bye_and_app():
    call = Call()
    found = call.read(rr() + bye(1, 0xFFFFFFFF, reason=b"hung up"))
    assert (found["type"], found["bye"], found["bye_reason"]) == (201, [1, 0xFFFFFFFF], "hung up")
    found = call.read(bye(3))
    assert (found["ssrc"], found["type"], found["bye"]) == (3, 203, [3])
    assert "bye_reason" not in found
    assert call.read(bye())["bye"] == [] and call.read(bye(reason=b"x"))["ssrc"] == 0
    found = call.read(sr() + app())
    assert found["app"] == {"ssrc": 0x12345678, "subtype": 5, "name": "uhep", "octets": 8}
    assert call.read(app(data=b""))["type"] == 204


def test_voip_metrics():
    call = Call()
    found = call.read(sr(block()) + xr(b"\x04\0\0\x02" + u32(1, 2), voip()))
    assert found["xr_blocks"] == [4, 7]
    metrics = found["report_blocks_xr"]
    assert metrics == {
        "type": 7,
        "id": 0x87654321,
        "fraction_lost": 1,
        "fraction_discard": 2,
        "burst_density": 3,
        "gap_density": 4,
        "burst_duration": 500,
        "gap_duration": 6000,
        "round_trip_delay": 70,
        "end_system_delay": 80,
        "signal_level": -20,
        "noise_level": -60,
        "gmin": 16,
        "r_factor": 91,
        "mos_lq": 43,
        "mos_cq": 42,
        "rx_config": 0x30,
        "jb_nominal": 40,
        "jb_maximum": 60,
        "jb_abs_max": 120,
    }
    unknown = voip(times=(0, 0, 0, 0), levels=b"\x7f\x7f\x7f\x10", quality=(127, 127, 127, 127))
    metrics = call.read(xr(unknown))["report_blocks_xr"]
    for name in ("round_trip_delay", "end_system_delay", "signal_level", "r_factor", "mos_lq"):
        assert name not in metrics
    assert "report_blocks_xr" not in call.read(xr())


def test_ratings_out_of_their_range():
    """R is 0 to 100, MOS 10 to 50 (RFC 3611 4.7.5)"""
    call = Call()
    peer = call.rtcp.peer
    names = ("r_factor", "ext_r_factor", "mos_lq", "mos_cq")
    for quality in ((0, 100, 10, 50), (100, 0, 50, 10)):
        found = call.read(xr(voip(quality=quality)), IN)["report_blocks_xr"]
        assert tuple([found[name] for name in names]) == quality
        assert (peer.r_factor, peer.mos_lq, peer.mos_cq) == (quality[0],) + quality[2:]
    for quality in ((255, 101, 51, 0), (101, 255, 9, 255), (127,) * 4, (200, 200, 200, 200)):
        found = call.read(xr(voip(quality=quality)), IN)["report_blocks_xr"]
        assert not [name for name in names if name in found]
        assert (peer.r_factor, peer.mos_lq, peer.mos_cq) == (-1, -1, -1)


def test_asterisk_style():
    call = Call(rtcp_style="asterisk")
    data = sr(block(lost=-2), block(9), sec=3976214400, frac=530239482) + sdes(CNAME) + bye(1)
    assert call.raw(data) == [
        b'{"ssrc":305419896,"type":200,"report_count":2,"sender_information":'
        b'{"ntp_timestamp_sec":"1767225600","ntp_timestamp_usec":"123455","rtp_timestamp":160000,'
        b'"packets":1000,"octets":160000},"report_blocks":[{"source_ssrc":2271560481,'
        b'"fraction_lost":12,"packets_lost":16777214,"highest_seq_no":66536,"ia_jitter":40,'
        b'"lsr":"2415923200","dlsr":65536}]}'
    ]
    assert call.raw(rr()) == [
        b'{"ssrc":305419896,"type":201,"report_count":0,"sender_information":null,'
        b'"report_blocks":[]}'
    ]
    assert call.raw(bye(1)) == [] and call.raw(xr(voip())) == []


def test_unix_time_to_the_ends():
    call = Call(rtcp_style="asterisk")
    for sec, frac in ((2208988800, 0), (0, 0xFFFFFFFF), (0xFFFFFFFF, 127), (2208988799, 4294)):
        found = call.read(sr(sec=sec, frac=frac))["sender_information"]
        assert found["ntp_timestamp_sec"] == "%d" % ((sec - 2208988800) % 2**32)
        assert found["ntp_timestamp_usec"] == "%d" % (((frac >> 7) * 125 >> 7) * 125 >> 12)
        assert abs(int(found["ntp_timestamp_usec"]) - frac * 10**6 // 2**32) <= 1


def test_rr_compat():
    call = Call(rtcp_rr_compat=True)
    # An RR of one that has never sent: the information is that of the stream it reports on.
    assert "sender_information" not in call.read(rr(block(0x12345678), ssrc=5), IN)
    call.read(sr(block(5), sent=77), OUT)
    found = call.read(rr(block(0x12345678), ssrc=5), IN)
    assert found["type"] == 201 and found["sender_information"]["packets"] == 77
    # One that did send: its own last.
    call.read(sr(ssrc=5, sent=88), IN)
    assert call.read(rr(block(0x12345678), ssrc=5), IN)["sender_information"]["packets"] == 88
    assert "sender_information" not in call.read(rr(block(6), ssrc=7), IN)


def test_what_is_no_rtcp():
    call = Call()
    whole = sr(block()) + sdes(CNAME)
    assert len(call.raw(whole)) == 1
    call.refused(b"", "empty")
    call.refused(b"\x80", "truncated")
    call.refused(b"\0\x01\0\0\x21\x12\xa4\x42" + bytes(12), "stun")
    call.refused(b"\x40" + whole[1:], "version")
    call.refused(b"\x80\x00" + bytes(170), "rtp")
    call.refused(b"\x80\xc8" + bytes(2), "length")
    for n in range(2, len(whole)):
        if n != len(sr(block())):
            call.refused(whole[:n], "truncated" if n < 52 or n - 52 >= 4 else "length")
    call.refused(whole + b"\0", "length")
    call.refused(whole + whole[:5], "truncated")
    call.refused(sr(block())[:-24], "truncated")
    call.refused(b"\x82" + sr(block())[1:], "length")  # two blocks announced, one there
    call.refused(b"\xa0" + whole[1:], "length")  # padding before the end
    call.refused(packet(202, 1, u32(1) + b"\x01\x09abcdef"), "length")
    call.refused(packet(202, 2, chunk(1, (1, b"a"))), "length")
    call.refused(packet(203, 2, u32(1)), "length")
    call.refused(packet(203, 1, u32(1) + b"\x09abc"), "length")
    call.refused(packet(204, 0, u32(1)), "length")
    call.refused(packet(207, 0, u32(1) + b"\x07\0\0\x07" + bytes(28)), "length")
    call.refused(packet(207, 0, u32(1) + b"\x04\0\0\x09"), "length")
    call.refused(packet(199, 0, b""), "unknown")
    assert call.rtcp.counts["sent"] == 1


def test_padding_feedback_and_unknown():
    call = Call()
    found = call.read(rr(block()) + packet(205, 1, u32(1, 2)) + packet(192, 0, u32(3)))
    assert sorted(found) == ["report_blocks", "report_count", "ssrc", "type"]
    assert call.rtcp.counts["unknown"] == 1
    assert call.read(packet(201, 0, u32(9), padding=8))["ssrc"] == 9
    call.refused(b"\xa0\xc9\0\x01" + b"\0\0\0\x03", "length")
    call.refused(b"\xa0\xc9\0\x01" + b"\0\0\0\x00", "length")
    call.refused(b"\xa0\xc9\0\x01" + b"\0\0\0\x10", "length")
    assert len(call.raw(sr() + sdes(CNAME) + sdes(CNAME))) == 1
    assert call.rtcp.counts["again"] == 1


def test_padding_is_no_content():
    """Whatever is in it (RFC 3550 6.1): here what looks like a block of an XR, or as it begins"""
    begun = padded(xr(), b"\x07\0\0")
    made_up = padded(xr(), voip(quality=(90, 90, 45, 45)) + bytes(3))
    for data in (begun, rr(block()) + begun, made_up, rr(block()) + made_up):
        call = Call()
        assert call.read(data, IN)["xr_blocks"] == []
        peer = call.rtcp.peer
        assert (peer.r_factor, peer.mos_lq, peer.mos_cq) == (-1, -1, -1)
    call.read(padded(xr(voip()), voip(quality=(90, 90, 45, 45)) + bytes(3)), IN)
    assert (peer.r_factor, peer.mos_lq, peer.mos_cq) == (91, 43, 42)


def test_encrypted():
    call = Call()
    # SRTCP: the first 8 octets are plain, the rest is none; then flag and number, and a tag.
    body = bytes([n * 37 & 255 for n in range(70)])
    call.refused(sr(block())[:8] + body[:44] + b"\x80\0\0\x01" + bytes(10), "srtcp")
    call.refused(sr(block())[:8] + body[:44] + body[:40] + b"\x80\0\0\x02" + bytes(10), "srtcp")
    call.rtcp.secure = True
    call.refused(sr(block()), "secure")
    call.refused(b"\x80\x00" + bytes(170), "rtp")


def test_what_the_other_end_says():
    call = Call()
    peer = call.rtcp.peer
    assert not peer.heard and peer.rtt_ms == -1
    call.raw(sr(ssrc=0xF0000001, sec=0xAAAA1234, frac=0xABCD5555), OUT)
    call.agent.ticks.pass_us(134000)
    theirs = block(0xF0000001, 64, -3, 5, 33, 0x1234ABCD, 6553)  # 100 ms of them were theirs
    call.raw(rr(block(1), theirs, ssrc=5) + xr(voip(0xF0000001), ssrc=5), IN)
    assert (peer.heard, peer.fraction, peer.lost, peer.jitter, peer.rtt_ms) == (1, 64, -3, 33, 34)
    assert (peer.r_factor, peer.mos_lq, peer.mos_cq) == (91, 43, 42)
    # Not about us, not of an SR that we sent, more delay than time: nothing is made up.
    call.raw(rr(block(2, 99), ssrc=5), IN)
    call.raw(rr(block(0xF0000001, 64, 1, 5, 0xFFFFFFFF, 0x1234ABCE, 1), ssrc=5), IN)
    call.raw(rr(block(0xF0000001, 64, 1, 5, 0xFFFFFFFF, 0x1234ABCD, 65536 * 9), ssrc=5), IN)
    assert (peer.fraction, peer.lost, peer.jitter, peer.rtt_ms) == (64, 1, -1, 34)


def test_disabled_and_dropped():
    call = Call(queue_bytes=1024, drop="newest")
    data = sr(block())
    call.agent.enabled = False
    assert not call.rtcp.capture(call.flow, IN, data, len(data))
    call.agent.enabled = True
    assert call.rtcp.capture(call.flow, IN, data, len(data), b"another")
    assert not call.rtcp.capture(call.flow, IN, data, len(data))
    assert call.rtcp.counts["dropped"] == 1 and call.rtcp.counts["sent"] == 1
    (p,) = drain(call.agent)
    assert field(p, 17) == b"another"
    try:
        Rtcp(agent(max_packet=1399))
    except ValueError as e:
        assert "max_packet" in str(e)
    else:
        assert False


class Socket:
    def __init__(self):
        self.script = []

    def sendto(self, data, addr):
        return len(data)

    def recvfrom(self, n):
        return self.script.pop(0), THERE


def test_tap_of_a_port_that_rtp_and_rtcp_share():
    from uhep.tap import tap

    call = Call()
    sock = tap(Socket(), call.rtcp, HERE, RTCP)
    sock._sock.script = [b"\x80\x00" + bytes(170), rr(block()), b"\0\x01\0\0\x21\x12\xa4\x42"]
    for _ in range(3):
        sock.recvfrom(1500)
    sock.sendto(sr(), THERE)
    first, second = drain(call.agent)
    assert field(first, 7) == b"\x27\x25" and field(second, 7) == b"\x27\x11"
    assert json.loads(field(first, 15))["type"] == 201
    assert field(second, 17) == CALL
    counts = call.rtcp.counts
    assert (counts["rtp"], counts["stun"], counts["sent"]) == (1, 1, 2)


def test_kamailio_takes_reports():
    call = Call(profile="kamailio")
    assert len(call.raw(sr())) == 1
