"""uhep sim ata: an emulated ATA, whose telephones call each other and a phone; all is captured."""

import json
import struct
import time

import pytest
from atas import TIMEOUT_S, Ata, Lab, saw
from test_peer_baresip import level
from typer.testing import CliRunner
from uhep_tools.board.settings import SettingsError, judge
from uhep_tools.cli import app
from uhep_tools.ports import free_pairs
from uhep_tools.sim import Device
from waiting import until


def a_phone(lab, **settings):
    sip, rtp = free_pairs(2)
    device = Device(
        "bob",
        lab.folder / "bob",
        device={
            "sip_port": sip,
            "rtp_port": rtp,
            "answer_after_ms": 50,
            "quit_after_ms": 2 * TIMEOUT_S * 1000,
            **settings,
        },
        hep={"capture_address": f"127.0.0.1:{lab.server.port}", "status_s": 0},
        heap="128K",
    )
    device.sip = sip
    return device


def test_the_two_telephones_call_each_other(tmp_path):
    """By an internal number: one rings, is lifted; hold by a flash; and all of it is captured."""
    with Lab(tmp_path) as lab, Ata(tmp_path, lab.server) as ata:
        ata.do("lift 1", "dial 1 **2")
        ata.saw("telephone 2 rings")
        ata.do("lift 2")
        ata.saw(f"call from sip:ata@127.0.0.1:{ata.sip}: talking")
        ata.do("dial 1 5")
        ata.saw(f"line 2: call from sip:ata@127.0.0.1:{ata.sip}: digit 5 in RTP")
        ata.do("flash 1")
        ata.saw(": held by the peer")
        ata.do("flash 1")
        ata.saw(": no longer held by the peer")
        ata.do("lay 2")
        ata.saw("telephone 1: over")
        ata.do("lay 1", "lift 2", "dial 2 **1")
        ata.saw("telephone 1 rings")
        ata.do("lay 2")
        ata.saw("telephone 1 rings no more")
        counts = ata.quit()
        lab.captured(counts)
        calls = lab.store.calls()
    assert ata.states(1) == ["dialling", "calling", "talking", "dialling", "talking"] + [
        "over",
        "on the hook",
    ]
    assert ata.states(2) == ["talking", "on the hook", "dialling", "calling", "on the hook"]
    assert sorted(call.state for call in calls) == ["cancelled", "ended"]
    assert [line["calls"] for line in counts["lines"]] == [{"ended": 2, "talked": 1}] * 2
    for line in counts["lines"]:
        assert line["rtp"]["received"] > 0 and line["rtp"]["lost"] == 0


def test_each_line_and_a_phone(tmp_path):
    """Each line calls a phone and is called by it, by SIP."""
    with Lab(tmp_path) as lab, Ata(tmp_path, lab.server) as ata:
        with a_phone(lab) as bob:
            saw(bob, "bob is at")
            for number in (1, 2):
                ata.do(f"call {number} sip:bob@127.0.0.1:{bob.sip}")
                ata.saw(f"telephone {number}: talking")
                ata.do(f"lay {number}")
                saw(bob, "ended (hung up there)", number)
                bob.type(f"call sip:ata@127.0.0.1:{ata.sip + number - 1}")
                ata.saw(f"telephone {number} rings")
                ata.do(f"lift {number}")
                saw(bob, "talking", 2 * number)
                bob.type("hangup")
                ata.saw(f"telephone {number}: over")
                ata.do(f"lay {number}")
            bob.type("quit")
            theirs = bob.wait(TIMEOUT_S)
        ours = ata.quit()
        lab.captured(ours, theirs)
        assert all(call.state == "ended" for call in lab.store.calls())
    assert [line["calls"] for line in ours["lines"]] == [{"ended": 2, "talked": 2}] * 2
    assert theirs["calls"] == {"ended": 4, "talked": 4}


def test_a_call_waits_for_another(tmp_path):
    """Talking to the other telephone, called by a phone: flash, and flash back; hold both ways."""
    with Lab(tmp_path) as lab, Ata(tmp_path, lab.server) as ata, a_phone(lab) as bob:
        saw(bob, "bob is at")
        ata.do("lift 1", "dial 1 **2")
        ata.saw("telephone 2 rings")
        ata.do("lift 2")
        ata.saw("telephone 1: talking")
        ata.saw("line 2: call from", 3)
        bob.type(f"call sip:ata@127.0.0.1:{ata.sip}")
        ata.saw("line 1: call from")
        ata.do("status")
        ata.saw("telephone 1: talking, tone: waiting")
        ata.do("flash 1")
        saw(bob, "talking")
        ata.saw(f"line 2: call from sip:ata@127.0.0.1:{ata.sip}: held by the peer")
        ata.do("flash 1")
        saw(bob, ": held by the peer")
        ata.saw(": no longer held by the peer")
        ata.do("lay 1")  # Bob, who is on hold, makes it ring
        ata.saw("telephone 1 rings")
        ata.do("lift 1")
        saw(bob, ": no longer held by the peer")
        bob.type("quit")
        theirs = bob.wait(TIMEOUT_S)
        ours = ata.quit()
        lab.captured(ours, theirs)
    assert ours["lines"][0]["calls"] == {"ended": 2, "talked": 2}


RTCP, LOG = 5, 100


def packets(lab):
    """All that is stored, once each: a message may belong to two calls."""
    lab.store.flush()
    found = {
        message.id: message.packet
        for call in lab.store.calls()
        for message in lab.store.messages(call.call)
    }
    return list(found.values())


def kinds(found):
    return [packet.type for packet in found if packet.node_name == b"ata"]


def test_what_is_told_of_its_calls(tmp_path):
    """Transitions, RTCP and how it sounds, of the calls of both lines and of a second call."""
    told = {"hep_log": True, "hep_rtcp": True, "hep_quality": True}
    with (
        Lab(tmp_path) as lab,
        a_phone(lab) as bob,
        Ata(
            tmp_path,
            lab.server,
            heap="300K",
            quality_collector=f"sip:bob@127.0.0.1:{bob.sip}",  # which knows no PUBLISH
            **told,
        ) as ata,
    ):
        ata.do("lift 1", "dial 1 **2")
        ata.saw("telephone 2 rings")
        ata.do("lift 2")
        ata.saw(f"line 1: call to sip:ata@127.0.0.1:{ata.sip + 1}: talking")
        ata.do("flash 1")
        ata.saw(": holding")
        # The second telephone has another call, which waits, on its second channel.
        bob.type(f"call sip:ata@127.0.0.1:{ata.sip + 1}")
        saw(bob, ": ringing")
        ata.do("flash 1", "flash 2")
        saw(bob, ": talking")
        until(lambda: kinds(packets(lab)).count(RTCP) >= 2, "RTCP out and in")
        bob.type("quit")
        bob.wait(TIMEOUT_S)
        ata.do("lay 2", "lay 1")
        counts = ata.quit()
        until(lambda: lab.store.count() >= counts["capture"]["captured"], "all of it")
        found = packets(lab)
    assert kinds(found).count(LOG) >= 12, kinds(found)
    rtp = ata.rtp
    reports = [json.loads(packet.payload) for packet in found if packet.type == 34]
    ports = {report[end] for report in reports for end in ("SRC_PORT", "DST_PORT")}
    assert ports >= {rtp, rtp + 4, rtp + 6}, reports


@pytest.mark.soak
def test_a_long_call_on_the_heap_of_an_ata(tmp_path, cases):
    """Both telephones talk to each other, one is called meanwhile; no capture asks for memory."""
    ms = cases(1500, 60000)
    with Lab(tmp_path) as lab, Ata(tmp_path, lab.server) as ata, a_phone(lab) as bob:
        ata.do("lift 1", "dial 1 **2")
        ata.saw("telephone 2 rings")
        ata.do("lift 2")
        ata.saw("telephone 1: talking")
        for count in range(1, 2 + ms // 10000):
            bob.type(f"call sip:ata@127.0.0.1:{ata.sip}")
            saw(bob, ": ringing", count)
            ata.do("flash 1")
            saw(bob, ": talking", count)
            ata.do("flash 1", "flash 1")
            saw(bob, "no longer held by the peer", count)
            bob.type("hangup")
            ata.saw("telephone 1: over", count)
            ata.do("flash 1")
            ata.saw("no longer holding", 2 * count)
            time.sleep(min(ms, 10000) / 1000)
        bob.type("quit")
        counts = [ata.quit(), bob.wait(TIMEOUT_S)]
        lab.captured(*counts)
    assert counts[0]["bytes_per_packet"] == 0
    for line in counts[0]["lines"]:
        assert line["rtp"]["sent"] + line["rtp"]["skipped"] >= ms * 3 // 4 // 20
        assert line["rtp"]["lost"] == 0


def test_what_a_telephone_hears(tmp_path):
    """Dial tone, ringback, the other's voice, busy tone: by their frequencies, on and off."""
    settings = {"audio": "wav", "wav_out": str(tmp_path / "ear.wav"), "tones": "us"}
    with Ata(tmp_path, **settings) as ata:
        ata.do("lift 1")
        ata.saw("telephone 1: dialling")
        _wait_for(tmp_path / "ear.wav", 50)
        ata.do("dial 1 **2")
        ata.saw("telephone 2 rings")
        _wait_for(tmp_path / "ear.wav", 130)
        ata.do("lift 2")
        ata.saw("telephone 1: talking")
        ata.do("lay 2")
        ata.saw("telephone 1: over")
        _wait_for(tmp_path / "ear.wav", 200)
        ata.quit()
    heard = _samples(tmp_path / "ear.wav")
    tones = {
        name: [_sounds(heard, at, pair) for at in range(0, len(heard) - 1600, 1600)]
        for name, pair in (("dial", (350, 440)), ("ring", (440, 480)), ("busy", (480, 620)))
    }
    first = {name: found.index(True) for name, found in tones.items()}
    assert first["dial"] == 0 < first["ring"] < first["busy"]
    busy = tones["busy"][first["busy"] :]
    # On for at most half a second, in fifths; a busy machine leaves frames out of the file. The
    # exact cadence, by a clock of its own: device/test_ata_parts.py.
    assert busy.index(False) <= 6
    assert True in busy[busy.index(False) :]


def _samples(path):
    data = path.read_bytes()[44:] if path.exists() else b""
    return struct.unpack(f"<{len(data) // 2}h", data[: len(data) // 2 * 2])


def _sounds(samples, at, pair):
    part = samples[at : at + 1600]
    return all(level(part, frequency) > 4500 for frequency in pair)


def _wait_for(path, frames):
    until(lambda: len(_samples(path)) > 160 * frames, f"{frames} frames in {path}")


def test_what_it_does_by_itself(tmp_path):
    """One command with a line of configuration: it calls itself, talks and ends."""
    sip, rtp = free_pairs(2)
    sets = [f"sip_port={sip}", f"rtp_port={rtp}", "call=**2", "call_after_ms=100"]
    sets += ["answer_after_ms=200", "talk_ms=300", "quit_after_calls=2"]
    args = ["sim", "ata", "--state", str(tmp_path)]
    for each in sets:
        args += ["--set", each]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    counts = json.loads(done.output.splitlines()[-1].partition("| ")[2])
    assert [line["calls"] for line in counts["lines"]] == [{"ended": 1, "talked": 1}] * 2


@pytest.mark.parametrize(
    "typed, said",
    [
        ("lift", "which telephone? 1 or 2 comes first"),
        ("lift 3", "which telephone? 1 or 2 comes first"),
        ("dial 1 12", "telephone 1 is on the hook"),
        ("dial 1 x", "dial what? 0-9 * # A-D"),
        ("call 1", "call whom? A URI or a number"),
        ("register 1", "device.json has no sip_server"),
        ("answer", "there is no answer; help lists what there is"),
    ],
)
def test_what_can_not_be_done_is_said(ata, typed, said):
    ata.do(typed)
    ata.saw(said)


@pytest.fixture(scope="module")
def ata(tmp_path_factory):
    with Ata(tmp_path_factory.mktemp("ata")) as one:
        yield one


def test_a_number_without_a_server(ata):
    ata.do("lift 1", "dial 1 12#")
    ata.saw("telephone 1: 12 is only a number, and there is no sip_server to ask")
    ata.do("status")
    ata.saw("telephone 1: over, tone: congestion")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"dial_plan": "9xx|z"}, "dial_plan is '9xx|z', but must be a dial plan: a dial plan can"),
        ({"dial_plan": 5}, "dial_plan is 5, but must be a dial plan as (9xx|"),
        ({"tones": "mars"}, "tones is 'mars', but must be one of e180, uk, us, or an object"),
        ({"ring_ms": [1000]}, "ring_ms is [1000], but must be a list of ms on, off"),
        ({"internal": ["11"]}, "internal is ['11'], but must be two numbers of 0-9 and *"),
        ({"internal": ["1#", "2"]}, "internal is ['1#', '2'], but must be two numbers"),
        ({"calls": 3}, "calls is 3, but must be from 1 to 2"),
        ({"speed_dials": []}, "unknown key speed_dials; a ata knows: "),
    ],
)
def test_a_wrong_device_json_is_named(tmp_path, settings, said):
    with pytest.raises(SettingsError) as told:
        judge({"personality": "ata", **settings}, {})
    assert said in str(told.value)
