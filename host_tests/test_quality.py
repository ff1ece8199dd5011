"""What the host makes of reports about voice: points over time, streams, RFC 6035 bodies."""

import json

import pytest
from sipmake import CALL, CALL_ID, START_US, captured, packet, sip
from typer.testing import CliRunner
from uhep_tools import quality, vqreport
from uhep_tools.cli import app
from uhep_tools.hep import decode
from uhep_tools.message import message
from uhep_tools.notes import note
from uhep_tools.store import Store

CALL_TEXT = CALL_ID.decode()
HERE, THERE = ("192.0.2.10", 4001), ("192.0.2.20", 5001)
HEARD = "192.0.2.20:5000 → 192.0.2.10:4000"
SAID = "192.0.2.10:4000 → 192.0.2.20:5000"

# As a phone writes it; the values are those of a call of 62 s.
BODY = """VQSessionReport: CallTerm
CallID: 5f3a@192.0.2.10
LocalID: <sip:201@pbx.example>
RemoteID: <sip:202@pbx.example>
OrigID: <sip:201@pbx.example>
LocalAddr: IP=192.0.2.10 PORT=4000 SSRC=0x1A2B3C4D
RemoteAddr: IP=192.0.2.20 PORT=5000 SSRC=0x55667788
LocalMetrics:
Timestamps: START=2026-03-01T10:00:00Z STOP=2026-03-01T10:01:02Z
SessionDesc: PT=0 PD=PCMU SR=8000 FD=20 FPP=1 PPS=50 PLC=0 SSUP=off
JitterBuffer: JBA=2 JBR=0 JBN=40 JBM=60 JBX=120
PacketLoss: NLR=0.6 JDR=0.1
Delay: RTD=34 ESD=60 SOWD=77 IAJ=3
QualityEst: RLQ=83 RCQ=81 MOSLQ=4.1 MOSCQ=4.0 QoEEstAlg="G.107 simplified"
DialogID: 5f3a@192.0.2.10;to-tag=b2;from-tag=a1
""".replace("\n", "\r\n")


def rtcp(fraction, lost, jitter, **more):
    block = {"fraction_lost": fraction, "packets_lost": lost, "ia_jitter": jitter}
    return json.dumps({"ssrc": 1, "type": 200, "report_blocks": [block], **more}).encode()


def report(kind, **values):
    ends = {"SRC_IP": "192.0.2.20", "SRC_PORT": 5000, "DST_IP": "192.0.2.10", "DST_PORT": 4000}
    return json.dumps(ends | {"TYPE": kind} | values).encode()


def publish(body, content_type=b"application/vq-rtcpxr", call_id=b"vq-1@192.0.2.10"):
    head = sip(b"PUBLISH sip:collector@192.0.2.9 SIP/2.0", b"1 PUBLISH", call_id)
    return head[:-2] + b"Content-Type: " + content_type + b"\r\n\r\n" + body.encode()


def told(payload, kind):
    """The points of one packet."""
    raw = packet(payload, HERE, THERE, kind=kind, cid=b"c")
    return quality.points([message(decode(raw), raw, "", 0)])


@pytest.fixture
def store(tmp_path):
    made = [
        packet(rtcp(64, 3, 80), HERE, THERE, 1_000_000, kind=5, cid=CALL_ID),
        packet(rtcp(0, 0, 16), THERE, HERE, 1_500_000, kind=5, cid=CALL_ID),
        packet(
            report("PERIODIC", MOS=4.1, PACKET_LOSS=1, EXPECTED_PK=100, JITTER=2.5),
            after_us=2_000_000,
            kind=34,
            cid=CALL_ID,
        ),
        packet(
            report("FINAL", MOS=4.3, PACKET_LOSS=2, EXPECTED_PK=200, JITTER=2.0, RTT=34),
            after_us=5_830_000,
            kind=34,
            cid=CALL_ID,
        ),
        packet(publish(BODY), after_us=5_900_000, cid=b"vq-1@192.0.2.10"),
    ]
    with Store(tmp_path / "uhep.db") as opened:
        for raw in captured(CALL, at="A") + made:
            opened.add(decode(raw), raw, "192.0.2.10:40000")
        yield opened


def test_series(store):
    found = quality.series(store, CALL_TEXT)
    assert [(p.time_us - START_US, p.source, p.stream) for p in found] == [
        (1_000_000, "rtcp", HEARD),
        (1_500_000, "rtcp", SAID),
        (2_000_000, "report", HEARD),
        (5_830_000, "report", HEARD),
        (5_900_000, "vq", HEARD),
    ]
    first, said, periodic, final, vq = found
    assert (first.loss, first.lost, first.jitter_ms, first.mos) == (25.0, 3, 10.0, None)
    assert (said.loss, said.jitter_ms) == (0.0, 2.0)
    assert (periodic.mos, periodic.loss, periodic.final) == (4.1, 1.0, False)
    assert (final.mos, final.rtt_ms, final.final) == (4.3, 34, True)
    assert (vq.mos, vq.loss, vq.jitter_ms, vq.rtt_ms, vq.final) == (4.0, 0.6, 3.0, 34.0, True)
    assert {p.agent for p in found} == {"desk-17"}
    assert quality.series(store, "no such call") == []


def test_summary(store):
    heard, said = quality.summary(quality.series(store, CALL_TEXT))
    assert (heard.stream, heard.agents, heard.reports) == (HEARD, ("desk-17",), 4)
    assert (heard.mos, heard.mos_least, heard.loss, heard.lost) == (4.15, 4.0, 1.0, 3)
    assert (heard.jitter_ms, heard.rtt_ms) == (10.0, 34)
    assert (said.mos, said.loss) == (None, 0.0)


def test_a_publish_is_tied_to_the_call_it_is_about(store):
    assert [m.label for m in store.messages(CALL_TEXT)][-1] == "PUBLISH"
    assert "vq-1@192.0.2.10" in {call.call for call in store.calls()}
    raw = packet(publish(BODY.replace("5f3a@", "other@"), call_id=b"vq-2"), after_us=6_000_000)
    store.add(decode(raw), raw, "192.0.2.10:40000")
    raw = packet(publish("nonsense", call_id=b"vq-3"), after_us=6_000_000)
    store.add(decode(raw), raw, "192.0.2.10:40000")
    assert len(quality.series(store, CALL_TEXT)) == 5
    assert quality.series(store, "vq-3") == []
    assert [p.source for p in quality.series(store, "other@192.0.2.10")] == ["vq"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[1]",
        b'{"report_blocks":5}',
        b'{"report_blocks":[7]}',
        b'{"MOS":"x","TYPE":3}',
        b'{"SRC_IP":1,"SRC_PORT":"y","DST_IP":null,"DST_PORT":[],"MOS":NaN,"PACKET_LOSS":1e99}',
        b"[" * 60_000,
        b"VQSessionReport\r\nNLR=1",
    ],
)
@pytest.mark.parametrize("kind", [5, 34, 35, 38])
def test_nonsense_raises_nothing_and_invents_nothing(tmp_path, payload, kind):
    with Store(tmp_path / "uhep.db") as opened:
        raw = packet(payload or b" ", kind=kind, cid=b"c")
        opened.add(decode(raw), raw, "192.0.2.10:40000")
        for point in quality.series(opened, "c"):
            told = (point.mos, point.loss, point.jitter_ms, point.rtt_ms, point.lost)
            assert told == (None,) * 5
    note(decode(packet(payload or b" ", kind=kind)))


def test_what_is_out_of_its_range_is_not_told():
    (block,) = told(rtcp(300, -3, 0xFFFFFFFF), 5)
    assert (block.loss, block.lost, block.jitter_ms) == (None, None, None)
    for score in (127, 9, 51, 255):
        _, xr = told(rtcp(0, 0, 0, report_blocks_xr={"mos_cq": score, "fraction_lost": -1}), 5)
        assert (xr.mos, xr.loss) == (None, None)
    wrong = report("FINAL", MOS=0.3, PACKET_LOSS=-3, EXPECTED_PK=100, JITTER=-1, RTT=-1)
    (point,) = told(wrong, 34)
    assert (point.mos, point.loss, point.lost, point.jitter_ms, point.rtt_ms) == (None,) * 5
    (point,) = told(report("FINAL", MOS=600, PACKET_LOSS=101, EXPECTED_PK=100), 34)
    assert (point.mos, point.loss) == (None, None)
    wrong = BODY.replace("MOSCQ=4.0", "MOSCQ=12.7").replace("NLR=0.6", "NLR=127")
    (point,) = told(wrong.replace("IAJ=3", "IAJ=-3").replace("RTD=34", "RTD=1e9").encode(), 35)
    assert (point.mos, point.loss, point.jitter_ms, point.rtt_ms) == (4.1, None, None, None)


@pytest.mark.parametrize("lost", [-3, 16777213, "16777213"])
def test_less_than_none_is_not_lost(lost):
    """Asterisk writes a loss below 0 as a number of 24 bits"""
    said = note(decode(packet(rtcp(0, lost, 8), kind=5)))
    assert "lost" not in said and "jitter 8" in said
    assert "8388607 lost" in note(decode(packet(rtcp(0, 0x7FFFFF, 8), kind=5)))


def test_chunks_and_strings(tmp_path):
    xr = {"type": 7, "fraction_lost": 128, "round_trip_delay": 70, "mos_cq": 42}
    text = '{"report_blocks":[{"fraction_lost":"64","packets_lost":16777214,"ia_jitter":8}]}'
    with Store(tmp_path / "uhep.db") as opened:
        for raw in (
            packet(text.encode(), HERE, THERE, kind=5, cid=b"c"),
            packet(rtcp(0, 0, 0, report_blocks_xr=xr), THERE, HERE, 1, kind=5, cid=b"c"),
            packet(report("HANGUP", MOS=410), after_us=2, kind=34, cid=b"c"),
        ):
            opened.add(decode(raw), raw, "192.0.2.10:40000")
        first, second, extended, last = quality.series(opened, "c")
    assert (first.loss, first.lost) == (25.0, None)  # 16777214 is -2
    assert (extended.source, extended.mos, extended.loss, extended.rtt_ms) == ("xr", 4.2, 50.0, 70)
    assert (last.mos, last.final) == (4.1, True)


def test_rfc_6035_as_devices_spell_it():
    plain = vqreport.parse(BODY)
    assert (plain.kind, plain.what, plain.call_id) == ("session", "CallTerm", "5f3a@192.0.2.10")
    assert plain.address("Local") == ("192.0.2.10", 4000, "0x1A2B3C4D")
    assert plain.local["START"] == "2026-03-01T10:00:00Z"
    assert plain.local["QoEEstAlg"] == "G.107 simplified"
    assert plain.fields["DialogID"].endswith("from-tag=a1")
    assert plain.number("NLR") == 0.6 and plain.number("BLD") is None
    for spelling in (
        BODY.replace("VQSessionReport: CallTerm", "VQSessionReport : CallTerm"),
        BODY.replace("VQSessionReport: CallTerm", "VQSessionReport CallTerm"),
        BODY.replace(": ", ":"),
        BODY.replace("\r\n", "\n").replace("LocalMetrics:", "Metrics:"),
    ):
        assert vqreport.parse(spelling).local == plain.local
    alert = "VQAlertReport: Type=NLR Severity=Critical Dir=local\nCallID: x\nRemoteMetrics:\n"
    found = vqreport.parse(alert + "PacketLoss: NLR=5.0")
    assert (found.kind, found.what) == ("alert", "Type=NLR Severity=Critical Dir=local")
    assert found.remote == {"NLR": "5.0"} and found.number("NLR", remote=True) == 5.0


# The example of RFC 6035 4.6.1, in part: lines are folded, and a bare name ends with a space.
FOLDED = """VQSessionReport: CallTerm
CallID: 6dg37f1890463
LocalID: Alice <sip:alice@example.org>
LocalAddr: IP=192.0.2.100 PORT=5000 SSRC=1a3b5c7d
RemoteAddr:IP=198.51.100.150 PORT=5002 SSRC=0x2468abcd
LocalMetrics:
SessionDesc:PT=18 PD=G729 SR=8000 FD=20 FO=20 FPP=2 PPS=50
                FMTP="annexb=no" PLC=3 SSUP=on
QualityEst:RLQ=90 RCQ=85 EXTRI=90 MOSLQ=4.2 MOSCQ=4.3
  QoEEstAlg=P.564
DialogID:1890463548@alice.example.org;to-tag=8472761;
   from-tag=9123dh311
"""
# As phones write it that follow a draft: all of it comes after LocalMetrics.
DRAFT = """VQSessionReport
LocalMetrics:
TimeStamps:START=2015-11-20T08:43:05Z STOP=2015-11-20T08:46:30Z
CallID:41a2@192.0.2.10
ToID:"X" <sip:202@pbx.example>
FromID:"G" <sip:201@pbx.example>
LocalAddr:IP=192.0.2.10 PORT=2302 SSRC=3825483318
RemoteAddr:IP=192.0.2.20 PORT=2274 SSRC=2017446972
QualityEst:RLQ=94 RCQ=82 MOSLQ=3.8 MOSCQ=3.4
DialogID:41a2@192.0.2.10;to-tag=1;from-tag=2
"""


def test_folded_lines():
    found = vqreport.parse(FOLDED)
    assert (found.call_id, found.address("Local")[1]) == ("6dg37f1890463", 5000)
    assert (found.local["FMTP"], found.local["SSUP"]) == ("annexb=no", "on")
    assert (found.local["QoEEstAlg"], found.number("MOSCQ")) == ("P.564", 4.3)
    assert found.fields["DialogID"].endswith("to-tag=8472761; from-tag=9123dh311")
    indented = BODY.replace("PacketLoss:", "  PacketLoss:").replace("Delay:", "\tDelay:")
    assert vqreport.parse(indented) == vqreport.parse(BODY)


def test_the_draft_before_the_rfc():
    found = vqreport.parse(DRAFT)
    assert found.call_id == "41a2@192.0.2.10"
    assert found.address("Remote") == ("192.0.2.20", 2274, "2017446972")
    assert found.fields["FromID"] == '"G" <sip:201@pbx.example>'
    assert found.number("MOSCQ") == 3.4 and not {"IP", "PORT"} & set(found.local)
    (point,) = told(DRAFT.encode(), 35)
    assert (point.stream, point.mos) == ("192.0.2.20:2274 → 192.0.2.10:2302", 3.4)


@pytest.mark.parametrize(
    "text", ["", "INVITE", "VQSessionReport", "VQFooReport\nCallID: x", BODY + "\r\nno colon"]
)
def test_what_is_no_report(text):
    with pytest.raises(ValueError):
        vqreport.parse(text)


@pytest.mark.parametrize(
    "port", ["²", "-1", "65536", "9" * 5000, "inf", "nan", ""], ids=lambda text: text[:9]
)
def test_what_is_no_port(port):
    found = vqreport.parse(BODY.replace("PORT=4000", f"PORT={port}"))
    assert found.address("Local") == ("192.0.2.10", 0, "0x1A2B3C4D")
    (point,) = told(BODY.replace("PORT=4000", f"PORT={port}").encode(), 35)
    assert point.stream == "192.0.2.20:5000 → 192.0.2.10:0"


@pytest.mark.parametrize(
    "value", ["inf", "-inf", "nan", "1e400", "9" * 5000, "²"], ids=lambda text: text[:9]
)
def test_what_is_no_number(value):
    body = BODY.replace("MOSCQ=4.0", f"MOSCQ={value}").replace("IAJ=3", f"IAJ={value}")
    assert vqreport.parse(body).number("MOSCQ") is None
    (point,) = told(body.encode(), 35)
    assert (point.mos, point.jitter_ms) == (4.1, None)


def test_a_long_word_is_read_once():
    """Not from each of its letters to its end again, which would take days."""
    found = vqreport.parse(BODY.replace("NLR=0.6", "x" * 1_000_000 + " -" + "y-" * 500_000))
    assert (found.number("NLR"), found.number("JDR")) == (None, 0.1)


def test_show_and_decode(store):
    store.flush()
    shown = CliRunner().invoke(app, ["show", CALL_TEXT, "--db", str(store.path)]).output
    assert "Voice quality" in shown
    line = next(line for line in shown.splitlines() if line.startswith(HEARD))
    assert line.split()[3:] == [
        "4.15",
        "4.00",
        "1.0",
        "%",
        "3",
        "10.0",
        "ms",
        "34",
        "ms",
        "desk-17",
    ]
    assert "5.830" in shown and "report final" in shown
    decoded = CliRunner().invoke(app, ["decode", str(store.path)]).output
    assert "MOS full report: FINAL, MOS 4.3, lost 2, jitter 2.0, round trip 34" in decoded
