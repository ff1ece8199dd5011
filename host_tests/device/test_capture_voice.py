"""Reports on a call: type 34 and 35, RFC 6035 bodies, the XR block, the status line."""

import json

from capture_doubles import agent, drain, field
from rtcp_doubles import block, rr, sr, voip, xr
from test_capture_rtpstats import WRAP, rtp
from uhep import IN, OUT
from uhep.emodel import mos, rating
from uhep.jsontext import Json
from uhep.rtcp import Rtcp
from uhep.rtcpcheck import check
from uhep.rtpstats import RtpStats
from uhep.voice import Voice
from uhep.vqtext import Session, alert, interval, session, xrtpstat

LOCAL, REMOTE = ("192.0.2.21", 16384), ("192.0.2.30", 10020)
CALL = b"5c1d-77@192.0.2.21"
WORKED = """VQSessionReport: CallTerm
CallID: 5c1d-77@192.0.2.21
LocalID: <sip:201@pbx.example>
RemoteID: <sip:202@pbx.example>
OrigID: <sip:201@pbx.example>
LocalAddr: IP=192.0.2.21 PORT=16384 SSRC=0x1A2B3C4D
RemoteAddr: IP=192.0.2.30 PORT=10020 SSRC=0x55667788
LocalMetrics:
Timestamps: START=2026-03-01T10:00:00Z STOP=2026-03-01T10:01:02Z
SessionDesc: PT=0 PD=PCMU SR=8000 FD=20 FPP=1 PPS=50 PLC=0 SSUP=off
JitterBuffer: JBA=2 JBN=40 JBM=60 JBX=60
PacketLoss: NLR=0.6 JDR=0.1
Delay: RTD=34 ESD=60 SOWD=77 IAJ=3
QualityEst: RLQ=%d RCQ=%d MOSLQ=%s MOSCQ=%s QoEEstAlg=G.107-simplified
DialogID: 5c1d-77@192.0.2.21;to-tag=b2;from-tag=a1
"""


class Call:
    def __init__(self, **config):
        if config:
            config["status_s"] = 0
        self.agent = agent(**config)
        self.stats = RtpStats()
        self.rtcp = Rtcp(self.agent)
        self.rtcp.cid = CALL
        self.voice = Voice(self.agent, self.stats, self.rtcp, LOCAL, REMOTE)
        self.us = WRAP - 5000

    def hear(self, count, lost=lambda n: False, jitter_us=0):
        for n in range(count):
            self.us += 20000
            if not lost(n):
                packet = rtp(n, ssrc=0x55667788)
                now = self.us + n % 2 * jitter_us
                self.stats.feed(packet, len(packet), now & WRAP)
        self.agent.ticks.now = self.us & WRAP

    def answer(self, lost=0, rtt_ms=34, jitter=24):
        """SR out, RR in: what the other end says of us."""
        flow = self.rtcp.flow(("192.0.2.21", 16385), ("192.0.2.30", 10021))
        ours = sr(ssrc=0x1A2B3C4D, sec=0x1111AAAA, frac=0xBBBB0000)
        self.rtcp.capture(flow, OUT, ours, len(ours))
        self.agent.ticks.pass_us(rtt_ms * 1000 + 500)
        theirs = rr(block(0x1A2B3C4D, 0, lost, 0, jitter, 0xAAAABBBB, 0), ssrc=0x55667788)
        self.rtcp.capture(flow, IN, theirs, len(theirs))
        drain(self.agent)

    def packets(self):
        return drain(self.agent)


def number(body):
    n = 0
    for octet in body:
        n = n << 8 | octet
    return n


def test_a_good_call():
    call = Call()
    call.hear(3000)
    call.answer()
    call.voice.sent = 3000
    call.voice.final()
    heard, said = call.packets()
    assert field(heard, 11) == b"\x22" and field(heard, 17) == CALL
    assert field(heard, 3) == b"\xc0\0\x02\x1e" and field(said, 3) == b"\xc0\0\x02\x15"
    found = json.loads(field(heard, 15))
    assert found["CORRELATION_ID"] == found["RTP_SIP_CALL_ID"] == CALL.decode()
    assert (found["SRC_IP"], found["SRC_PORT"]) == REMOTE
    assert (found["DST_IP"], found["DST_PORT"]) == LOCAL
    assert found["TYPE"] == "FINAL" and (found["DIR"], found["PARTY"]) == (0, 0)
    assert found["REPORT_TS"] == 1767225660 and found["REPORT_NAME"] == "192.0.2.30:10020"
    assert (found["TOTAL_PK"], found["EXPECTED_PK"], found["PACKET_LOSS"]) == (3000, 3000, 0)
    assert (found["DELTA"], found["MAX_DELTA"], found["JITTER"]) == (20.0, 20.0, 0.0)
    assert (found["RTT"], found["CODEC_NAME"], found["CLOCK"]) == (34, "PCMU", 8000)
    r = rating(60 + 17, 0, 3000)
    assert found["RFACTOR"] == r / 100 == found["MIN_RFACTOR"] == found["MEAN_RFACTOR"]
    assert found["MOS"] == mos(r) / 100 == found["MIN_MOS"] == found["MEAN_MOS"]
    assert found["MOS_LQ"] == 4.41 and found["MOS"] < 4.41
    assert number(field(heard, 0x20)) == mos(r) and number(field(heard, 0x21)) == r // 100
    assert number(field(heard, 0x23)) == 0
    for name in ("BURST_MS", "ONE_WAY", "SKEW", "TL_BYTE"):
        assert name not in found
    found = json.loads(field(said, 15))
    assert (found["DIR"], found["SRC_PORT"], found["JITTER"]) == (1, 16384, 3)
    assert number(field(said, 0x23)) == 3


def test_loss_discards_and_bursts():
    call = Call()
    call.hear(1000, lambda n: 500 <= n < 505 or n % 100 == 7, jitter_us=4000)
    call.stats.discarded(5)
    call.voice.final()
    (heard,) = call.packets()  # the other end has told nothing
    found = json.loads(field(heard, 15))
    assert (found["EXPECTED_PK"], found["PACKET_LOSS"], found["DISCARDED"]) == (1000, 15, 5)
    assert found["BURSTS"] == 2 and found["BURST_MS"] == (8 + 5) * 20 // 2
    assert 3.5 < found["MEAN_JITTER"] < 4.1 and "RTT" not in found
    burst = call.stats.bursts.ratio()
    assert burst > 100
    assert found["MOS"] == mos(rating(60, 20, 1000, burst)) / 100 < 4
    worse = rating(60, 20, 1000, burst)
    assert rating(60, 20, 1000, burst, plc=True) > worse


def test_the_player_conceals():
    scores = []
    for plc in (False, True):
        call = Call(quality_plc=plc)
        call.hear(1000, lambda n: n % 50 == 1)
        call.voice.final()
        scores.append(json.loads(field(call.packets()[0], 15))["MOS"])
    assert scores[0] < 3.3 and scores[1] > 4.1


def test_nothing_heard():
    call = Call()
    call.stats.look(0)
    call.stats.look(6000000)
    call.voice.sent = 300
    call.voice.report(False)
    assert call.packets() == []
    call.voice.final()
    (silent,) = call.packets()
    found = json.loads(field(silent, 15))
    assert (found["TOTAL_PK"], found["ONE_WAY"]) == (0, 1)
    for name in ("MOS", "RFACTOR", "JITTER", "EXPECTED_PK", "PACKET_LOSS"):
        assert name not in found
    assert field(silent, 0x20) is None
    assert call.voice.voip(bytearray(50), 0) == 0


def test_one_way():
    """Nothing comes, or no more: whoever polls the Voice need not look after the statistics"""
    for count in (0, 100):
        call = Call()
        call.hear(count)
        for _ in range(60):
            call.voice.poll()
            call.agent.ticks.pass_us(400000000)
        call.voice.final()
        found = json.loads(field(call.packets()[0], 15))
        assert found["ONE_WAY"] == 1 and found["TOTAL_PK"] == count
        assert call.stats.silent_ms > 59 * 400000
    call = Call()
    call.hear(100)
    call.agent.ticks.pass_us(6000000)
    call.voice.final()  # with no poll
    assert json.loads(field(call.packets()[0], 15))["ONE_WAY"] == 1


def test_the_least_rating_is_0():
    call = Call()
    call.hear(100, lambda n: 0 < n < 90)
    call.rtcp.peer.rtt_ms = 1900
    call.voice.report(False)
    assert call.voice.r == call.voice.r_least == 0
    call.rtcp.peer.rtt_ms = 20
    call.stats = call.voice.stats = RtpStats()
    call.hear(100)
    call.voice.report(False)
    assert call.voice.r > 8000 and (call.voice.r_least, call.voice.mos_least) == (0, 100)


def test_a_report_that_does_not_fit_is_counted():
    long, here, there = b"c" * 200, "2001:db8:1:2222:3333:4444:5555:66", "2001:db8::7777"
    for max_packet, json_octets, cut in ((1400, 1000, 1), (1400, 1600, 1), (4096, 1600, 0)):
        call = Call(max_packet=max_packet)
        call.rtcp.cid = long
        call.rtcp.json = Json(json_octets)
        call.voice = Voice(call.agent, call.stats, call.rtcp, (here, 16384), (there, 10020))
        call.hear(600, lambda n: n % 7 == 0)
        call.voice.final()
        packets = call.packets()
        assert (len(packets), call.voice.cut) == (1 - cut, cut)
        assert call.agent.stats()["truncated"] == 0
        assert not packets or json.loads(field(packets[0], 15))["TYPE"] == "FINAL"
    call = Call(max_packet=1400)
    call.hear(600, lambda n: n % 7 == 0)
    call.voice.final()
    assert len(call.packets()) == 1 and call.voice.cut == 0
    for max_packet, kinds in ((600, b""), (1400, b"\x22\x23")):
        made = agent(quality_text=True, max_packet=max_packet, status_s=0)
        voice = Voice(made, call.stats, None, LOCAL, REMOTE, cid=b"no-rtcp")
        voice.final()
        assert b"".join([field(p, 11) for p in drain(made)]) == kinds
        assert voice.cut == 2 - len(kinds) and made.stats()["truncated"] == 0


def test_periodic():
    call = Call(quality_s=5)
    call.hear(100)
    assert not call.voice.poll()
    call.voice._due -= 5000
    assert call.voice.poll() and not call.voice.poll()
    (heard,) = call.packets()
    assert json.loads(field(heard, 15))["TYPE"] == "PERIODIC"
    call.hear(100, lambda n: n < 101)
    for n in range(100, 160):
        call.us += 20000
        if n > 130:
            packet = rtp(n, ssrc=0x55667788)
            call.stats.feed(packet, len(packet), call.us & WRAP)
    call.voice.final()
    (heard,) = call.packets()
    found = json.loads(field(heard, 15))
    assert found["MIN_MOS"] == found["MOS"] < found["MEAN_MOS"]
    assert not Call().voice.poll()


def test_worked_example():
    call = Call()
    # 62 s, 3100 packets: 0.6 % lost, 0.1 % thrown away, a jitter of 3 ms, 34 ms there and back.
    call.hear(3100, lambda n: n % 160 == 100, jitter_us=3400)
    call.stats.discarded(3)
    call.answer()
    call.voice.buffer_max_ms = 60
    of = Session("<sip:201@pbx.example>", "<sip:202@pbx.example>", "<sip:201@pbx.example>")
    of.started = 1772359200
    of.local_tag, of.remote_tag = "a1", "b2"
    call.voice.final()
    v = call.voice
    burst = call.stats.bursts.ratio()
    listening, talking = rating(0, 22, 3100, burst), rating(77, 22, 3100, burst)
    assert (v.r_listening, v.r) == (listening, talking)
    text = session(v, of, 1772359262)
    made = dict([line.split(": ", 1) for line in text.split("\r\n") if ": " in line])
    want = WORKED % (
        (listening + 50) // 100,
        (talking + 50) // 100,
        "%d.%d" % divmod((mos(listening) + 5) // 10, 10),
        "%d.%d" % divmod((mos(talking) + 5) // 10, 10),
    )
    for line in want.split("\n"):
        if line and not line.startswith("Delay"):
            name = line.split(": ", 1)[0]
            if name in made and name != "BurstGapLoss":
                assert line == name + ": " + made[name], (line, made[name])
            else:
                assert line in text.split("\r\n"), line
    assert made["Delay"] == "RTD=34 ESD=60 SOWD=77 IAJ=3"


def test_interval_and_alert():
    call = Call()
    call.hear(100)
    text = interval(call.voice, Session())
    assert text.startswith("VQIntervalReport\r\nCallID: ")
    for left_out in ("LocalID", "Timestamps", "RTD", "BurstGapLoss", "RemoteMetrics", "DialogID"):
        assert left_out not in text
    text = alert(call.voice, Session(), "NLR", "Critical")
    assert text.startswith("VQAlertReport: Type=NLR Severity=Critical Dir=local\r\n")
    call.answer(lost=5)
    call.voice.sent = 100
    text = interval(call.voice, Session(), 0)
    assert "\r\nRemoteMetrics:\r\nPacketLoss: NLR=5.0\r\nDelay: IAJ=3\r\n" in text
    data = xr(voip(0x1A2B3C4D), ssrc=0x55667788)
    call.rtcp.capture(call.rtcp.flow(LOCAL, REMOTE), IN, data, len(data))
    text = interval(call.voice, Session(), 0)
    assert "QualityEst: RCQ=91 MOSLQ=4.3 MOSCQ=4.2\r\n" in text


def test_dates():
    call = Call()
    call.hear(3)
    of = Session()
    for seconds, text in (
        (0, "1970-01-01T00:00:00Z"),
        (951782399, "2000-02-28T23:59:59Z"),
        (951782400, "2000-02-29T00:00:00Z"),
        (1772359200, "2026-03-01T10:00:00Z"),
        (1798761599, "2026-12-31T23:59:59Z"),
        (4102444800, "2100-01-01T00:00:00Z"),
    ):
        of.started = seconds
        assert "START=%s STOP=%s\r\n" % (text, text) in session(call.voice, of, seconds)


def test_text_beside_the_json():
    call = Call(quality_text=True)
    call.hear(100)
    call.voice.report(False)
    heard, text = call.packets()
    assert field(text, 11) == b"\x23" and field(text, 17) == CALL
    assert field(text, 15).startswith(b"VQIntervalReport\r\n")
    assert field(text, 0x20) == field(heard, 0x20)
    call.voice.final()
    assert field(call.packets()[1], 15).startswith(b"VQSessionReport: CallTerm\r\n")


def test_voip_metrics_block():
    call = Call()
    call.hear(1000, lambda n: n % 100 == 7)
    call.answer()
    buf = bytearray(60)
    assert call.voice.voip(buf, 4) == 44 and buf[:4] == bytes(4) and buf[48:] == bytes(12)
    assert check(bytes(buf[4:48]), 44) is None
    again = Call()
    again.rtcp.capture(again.rtcp.flow(LOCAL, REMOTE), IN, bytes(buf[4:48]), 44)
    found = json.loads(field(again.packets()[0], 15))
    metrics = found["report_blocks_xr"]
    assert found["type"] == 207 and metrics["id"] == 0x55667788
    assert (metrics["fraction_lost"], metrics["fraction_discard"]) == (10 * 256 // 1000, 0)
    assert (metrics["round_trip_delay"], metrics["end_system_delay"]) == (34, 60)
    v = call.voice
    assert metrics["r_factor"] == v.r // 100 and metrics["mos_cq"] == (v.mos + 5) // 10
    assert metrics["mos_lq"] == (v.mos_listening + 5) // 10 and metrics["gmin"] == 16
    assert (metrics["rx_config"], metrics["jb_nominal"]) == (64, 40)
    assert "signal_level" not in metrics and "ext_r_factor" not in metrics


def test_header_of_the_bye():
    call = Call()
    call.hear(100, lambda n: n == 50)
    call.voice.sent = 98
    text = xrtpstat(call.voice, 2)
    assert text.startswith("CS=2;PS=98;PR=99;ER=100;PL=1,-;BL=0;EN=PCMU;DE=PCMU;JI=0,0;")
    assert text.endswith("IP=192.0.2.21:16384,192.0.2.30:10020")
    call.answer(lost=3)
    assert ";PL=1,3;" in xrtpstat(call.voice, 2)


def test_status_line():
    made = agent(status_s=60)
    stats = RtpStats()
    voice = Voice(made, stats, None, LOCAL, REMOTE, cid=b"no-rtcp")
    call = Call()
    call.stats = stats
    call.hear(200, lambda n: n == 9)
    voice.final()
    made.status.ask("quality")
    packets = drain(made) + drain(made)
    (report,) = [p for p in packets if field(p, 11) == b"\x22"]
    assert field(report, 17) == b"no-rtcp" and b'"CORRELATION_ID":"no-rtcp"' in field(report, 15)
    lines = [field(p, 15) for p in packets if field(p, 11) == b"\x64"]
    assert lines and b' loss="0.5"' in lines[-1] and b' mos="4.' in lines[-1], lines


def test_all_packets_of_a_channel():
    call = Call(uuid_type="channel")
    call.rtcp.cid = None
    call.agent.channel(b"SIP/17-1")
    call.hear(10)
    report = rr(block(), ssrc=0x55667788)
    call.rtcp.capture(call.rtcp.flow(LOCAL, REMOTE), IN, report, len(report))
    call.voice.final()
    packets = call.packets()
    assert [field(p, 11)[0] for p in packets] == [5, 34]
    assert [field(p, 17) for p in packets] == [b"SIP/17-1"] * 2


def test_kamailio_gets_no_reports():
    call = Call(profile="kamailio", quality_text=True)
    call.hear(10)
    call.voice.final()
    assert call.packets() == [] and call.agent.stats()["unwanted"] == 2
