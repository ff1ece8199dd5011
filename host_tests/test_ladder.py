"""The picture of a call: what is on it, where, and that no message can spoil it."""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from sipmake import ALICE, BOB, CALL, CALL_ID, captured, packet, sip
from uhep_tools.arrows import scene
from uhep_tools.hep import decode
from uhep_tools.ladder import draw
from uhep_tools.store import Store

UHEP = str(Path(sys.executable).parent / "uhep")
PROXY = ("192.0.2.1", 5060)
RTCP = (
    b'{"ssrc":1,"type":200,"report_count":1,"sender_information":{"packets":100},'
    b'"report_blocks":[{"fraction_lost":12,"packets_lost":7,"ia_jitter":"40"}]}'
)


def fill(store, packets, peer="127.0.0.1:40000"):
    for raw in packets:
        store.add(decode(raw), raw, peer)


def picture(store, width=96):
    """The lines of the only call, or of CALL's."""
    call = store.call(CALL_ID.decode())
    return draw(call, store.messages(call.call), width).plain.split("\n")


def lines_with(lines, *parts):
    return [line for line in lines if all(part in line for part in parts)]


def test_call_of_two_devices(store):
    fill(store, captured())
    lines = picture(store)
    assert re.match(r"100 → 200   ended 4\.01 s   20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.000$", lines[0])
    assert lines[1] == "Call-ID 5f3a@192.0.2.10"
    rungs = [line for line in lines if "►" in line or "◄" in line]
    assert len(rungs) == len(CALL)
    wanted = [
        r" +0\.000 +●─+ INVITE \(1\) \+ SDP ─+►●",
        r" +0\.002 +\+2\.0 ms +●◄─+ 100 Trying \(1 INVITE\) ─+●",
        r" +0\.012 +\+10 ms +●◄─+ 180 Ringing \(1 INVITE\) ─+●",
        r" +1\.812 +\+1\.80 s +●◄─+ 200 OK \(1 INVITE\) \+ SDP ─+●",
        r" +1\.820 +\+8\.0 ms +●─+ ACK \(1\) ─+►●",
        r" +5\.820 +\+4\.00 s +●─+ BYE \(2\) ─+►●",
        r" +5\.822 +\+2\.0 ms +●◄─+ 200 OK \(2 BYE\) ─+●",
    ]
    for line, pattern in zip(rungs, wanted, strict=True):
        assert re.fullmatch(pattern, line)
    assert re.fullmatch(r" +time +gap +desk-17 +lobby", lines[3])
    assert re.fullmatch(r" +192\.0\.2\.10:5060 +192\.0\.2\.20:5062", lines[4])
    assert lines[-2:] == [
        "7 SIP messages",
        "Captured at ● by desk-17 (node 2001), lobby (node 2002)",
    ]


@pytest.mark.parametrize("skew_us", [0, 3_000_000, -3_000_000])
def test_devices_are_told_apart_however_their_clocks_differ(store, skew_us):
    fill(store, captured(skew_us=skew_us))
    lines = picture(store)
    assert lines[3].index("desk-17") < lines[3].index("lobby")
    assert "7 SIP messages" in lines


def test_device_alone_is_seated_by_the_address_it_sends_from(store):
    fill(store, captured(at="B"), peer="192.0.2.20:50123")
    lines = picture(store)
    assert lines[3].endswith(" lobby") and "desk-17" not in lines[3]
    assert len(lines_with(lines, "►●")) == 3 and not lines_with(lines, "●─")


def test_device_alone_that_can_not_be_seated(store):
    fill(store, captured(at="B"))
    lines = picture(store)
    assert lines[-1] == "Captured by lobby (node 2002)"
    assert not lines_with(lines, "●") and len(lines_with(lines, "►")) == 3


def test_devices_of_one_name_are_two(store):
    for sender, ms, text in CALL:
        ends = (ALICE, BOB) if sender == "A" else (BOB, ALICE)
        for node in (2001, 2002):
            fill(store, [packet(text, *ends, ms * 1000 + node, node=node, name=b"phone")])
    lines = picture(store)
    assert "7 SIP messages" in lines and "↻" not in "".join(lines)


def test_message_that_one_side_missed(store):
    packets = captured()
    del packets[1]
    fill(store, packets)
    (invite,) = lines_with(picture(store), "INVITE (1)")
    assert re.search("●─+ INVITE .* ─+►│$", invite)


def test_retransmission_is_marked(store):
    again = ("B", 2312, CALL[3][2])
    fill(store, captured([*CALL[:4], again, *CALL[4:]]))
    lines = picture(store)
    (line,) = lines_with(lines, "↻ 200 OK (1 INVITE)")
    assert "╌╌" in line and "2.312" in line
    assert "8 SIP messages, ↻ 1 retransmission" in lines


def test_retransmission_that_was_needed(store):
    """The first INVITE was lost: the callee's one is the second."""
    messages = [CALL[0], ("A", 500, CALL[0][2]), ("B", 502, CALL[1][2])]
    packets = captured(messages)
    del packets[1]
    fill(store, packets)
    first, second = lines_with(picture(store), "INVITE (1) +")
    assert first.endswith("►│") and second.endswith("►●") and "↻" in second


def test_very_many_retransmissions(store):
    """Each is compared with those that its agent has not seen, not with all: days, else."""
    fill(store, captured(CALL[:1]))
    near, far = store.messages(CALL_ID.decode())
    arrows = scene([near] * 100_000 + [far] * 100_001).arrows
    assert len(arrows) == 100_001 and arrows[-1].agents == ["lobby"]
    assert arrows[99_999].agents == ["desk-17", "lobby"] and arrows[99_999].again == 99_999


def test_other_packets_stand_beside(store):
    fill(store, captured())
    rtcp = {"kind": 5, "cid": CALL_ID, "after_us": 4_500_000}
    fill(store, [packet(RTCP, (ALICE[0], 10001), (BOB[0], 10021), **rtcp)])
    fill(store, [packet(RTCP, (BOB[0], 9), (ALICE[0], 7), node=2002, name=b"lobby", **rtcp)])
    fill(store, [packet(b"heap \x1b[2J\nmore", kind=100, cid=CALL_ID, after_us=4_600_000)])
    lines = picture(store)
    near, far = lines_with(lines, "◇ RTCP SR: 7 lost (4.7%), jitter 40, 100 sent")
    assert near.index("◇") - near.index("│") == 2 and far.rindex("│") - far.index("sent") == 6
    assert lines_with(lines, r"◇ log: heap \x1b[2J")
    assert "7 SIP messages, ◇ 3 other packets" in lines
    assert len(scene(store.messages(CALL_ID.decode())).participants) == 2


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\x00", b"[" * 5000, b"{" * 9, b'{"report_blocks":[7],"type":[]}', b"7"]
)
def test_payload_that_can_not_be_read_is_drawn(store, payload):
    fill(store, [*captured(CALL[:1]), packet(payload, kind=5, cid=CALL_ID, after_us=9)])
    assert len(lines_with(picture(store), "◇ RTCP")) == 1


def test_proxy_in_the_middle(store):
    legs = []
    for n, (_, ms, payload) in enumerate(CALL[:3]):
        path = [(ALICE, PROXY), (PROXY, BOB)] if n == 0 else [(BOB, PROXY), (PROXY, ALICE)]
        for hop, (source, target) in enumerate(path):
            us = ms * 1000 + hop * 300
            legs.append(packet(payload, source, target, us, node=7, name=b"proxy"))
    fill(store, legs)
    lines = picture(store)
    ends = re.fullmatch(
        r" +192\.0\.2\.10:5060( +)192\.0\.2\.1:5060( +)192\.0\.2\.20:5062", lines[4]
    )
    assert ends and lines[3].split() == ["time", "gap", "proxy"]
    assert [len(lines_with(lines, part)) for part in ("►●", "●─", "●◄", "─●")] == [1, 1, 2, 2]


def test_crossed_lifelines(store):
    fill(store, [packet(CALL[0][2], ALICE, PROXY), packet(CALL[1][2], PROXY, BOB)])
    fill(store, [packet(CALL[4][2], ALICE, ("192.0.2.30", 5060), 9)])
    line = lines_with(picture(store), "ACK")[0]
    assert line.count("┼") == 2


def test_many_participants_are_named_in_each_line(store):
    for number in range(12):
        fill(store, [packet(CALL[0][2], ALICE, (f"192.0.2.{number + 100}", 5060), number)])
    lines = picture(store)
    assert len(lines_with(lines, " 192.0.2.10:5060 → 192.0.2.1", "INVITE (1)")) == 12


def test_a_clock_that_jumps_leaves_the_figures_whole(store):
    for seconds in (0, 99_999, 100_000, 2_000_000_000):
        fill(store, [packet(CALL[0][2], ALICE, BOB, seconds * 1_000_000)])
    lines = [line for line in picture(store) if "INVITE (1)" in line]
    assert [line[:28].rstrip("│ ") for line in lines] == [
        *("   0.000", "99999.000+27:46:39 h", "    1.2 d  +1.00 s", "23148.1 d+555527:46:40 h")
    ]
    lines = lines_with(picture(store, 50), "192.0.2.10:5060 →")
    assert "    1.2 d  +1.00 s 192.0.2" in lines[2] and "46:40 h 192.0.2" in lines[3]


def test_message_to_itself(store):
    fill(store, [packet(CALL[0][2], ALICE, ALICE)])
    assert lines_with(picture(store), "↺ INVITE (1) + SDP")


def test_call_without_sip(store):
    fill(store, [packet(RTCP, kind=5, cid=CALL_ID)])
    assert lines_with(picture(store), "◇ desk-17: RTCP SR")


@pytest.mark.parametrize("width", [60, 80, 96, 100])
def test_no_line_is_wider_than_asked(store, width):
    long = sip(b"SIP/2.0 500 " + "日本語\u0301 ".encode() * 40, b"1 INVITE")
    fill(store, captured([*CALL, ("B", 5900, long)]))
    fill(store, [packet(b"log " * 99, kind=100, cid=CALL_ID)])
    assert max(cell_len(line) for line in picture(store, width)) <= width


def test_hostile_text_is_only_text(store):
    hostile = sip(
        b"SIP/2.0 200 \x1b]0;t\x07[blink]x[/blink]\xe2\x80\xae",
        b"1 \x1b[31mINVITE",
        users=(b"\x1b[2J", b"[red]"),
    )
    fill(store, [packet(hostile, name=b"\x1b[1m[bold]")])
    call = store.calls()[0]
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system="standard")
    console.print(draw(call, store.messages(call.call)))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert all(line.isprintable() for line in bare.splitlines())
    assert r"\x1b]0;t\x07[blink]x[/blink]\u202e" in bare and r"\x1b[1m[bold]" in bare
    assert "\x1b[31m\x1b" not in out.getvalue() and r"\x1b[2J → [red]" in bare


# The verb.


def show(tmp_path, *arguments, output=subprocess.PIPE, **environment):
    return subprocess.run(
        [UHEP, "show", "--db", str(tmp_path / "uhep.db"), *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )


def test_show_lists_and_draws(tmp_path):
    other = packet(sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", b"5f99@h"))
    with Store(tmp_path / "uhep.db") as store:
        fill(store, [*captured(), other])
        drawn = picture(store)
    listed = show(tmp_path).stdout
    row = r"INVITE +100 +200 +ended +4\.01 s +14 +desk-17, lobby +5f3a@192\.0\.2\.10"
    assert re.search(row, listed) and "5f99@h" in listed
    assert [line.rstrip() for line in show(tmp_path, "5f3").stdout.splitlines()] == drawn
    plain = show(tmp_path, "5f3", PYTHONIOENCODING="ascii")
    assert plain.stdout.startswith("100 ? 200   ended") and not plain.stderr
    with open("/dev/full", "w") as full:
        unwritten = show(tmp_path, output=full)
    assert unwritten.stderr == "uhep: standard output: No space left on device\n"
    several = show(tmp_path, "5f")
    assert several.returncode == 1 and "several calls begin with '5f'" in several.stderr
    nothing = show(tmp_path, "zz")
    assert nothing.returncode == 1 and "begins with 'zz'" in nothing.stderr


def test_show_without_a_database(tmp_path):
    found = show(tmp_path)
    assert found.returncode == 1 and found.stdout == ""
    assert found.stderr.endswith("uhep.db: there is no such database; `uhep serve` makes one\n")
