"""Our phone and baresip: sound both ways, digits, reports; each message is captured."""

import math
import re
import struct
import time
import wave

import pytest
from peers import baresip, network
from uhep_tools.ports import free_block
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import Device
from uhep_tools.store import Store
from waiting import until

TIMEOUT_S = 60
OURS_HZ, THEIRS_HZ = 700, 1000
PEAK = 8000  # of both tones


def level(samples, frequency):
    """The peak of one frequency in samples at 8 kHz (Goertzel)."""
    turn = 2 * math.cos(2 * math.pi * frequency / 8000)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    return math.sqrt(max(one * one + two * two - turn * one * two, 0.0)) * 2 / len(samples)


def samples_of(path):
    """The samples of a WAV file that is perhaps still written."""
    data = path.read_bytes()[44:] if path.exists() else b""
    return struct.unpack(f"<{len(data) // 2}h", data[: len(data) // 2 * 2])


def heard(path, frequency):
    """Whether a fifth of a second of it is the tone: its frequency, its level, and no other."""
    samples = samples_of(path)
    for at in range(0, len(samples) - 1600, 1600):
        part = samples[at : at + 1600]
        if abs(level(part, frequency) - PEAK) < PEAK / 10:
            return level(part, frequency + 250) < PEAK / 50
    return False


def dumped(folder, frequency):
    return any(heard(path, frequency) for path in folder.glob("dump-*-dec.wav"))


def tone(frequency):
    step = 2 * math.pi * frequency / 8000
    return struct.pack("<8000h", *(round(PEAK * math.sin(step * at)) for at in range(8000))) * 30


def phone(folder, server, **settings):
    return Device(
        "phone",
        folder / "device",
        device={
            "rtp_port": free_block(2),
            "audio": "wav",
            "wav_in": str(folder / "ours.wav"),
            "wav_out": str(folder / "heard.wav"),
            "quit_after_ms": TIMEOUT_S * 1000,
            **settings,
        },
        hep={"capture_address": f"127.0.0.1:{server.port}", "capture_name": "phone"},
        heap="128K",
    )


def said(device, text):
    until(lambda: any(text in line for line in device.lines), lambda: (text, device.lines))


def reports(device):
    """Whether reports went both ways, by the device's own word. It has to be asked."""
    time.sleep(0.5)
    device.type("status")
    found = [re.search(r"reports: (\d+) sent, (\d+) received", line) for line in device.lines]
    return any(one and one[1] != "0" != one[2] for one in found)


@pytest.mark.peer("baresip")
@pytest.mark.parametrize("codec, calls", [("pcmu", True), ("pcma", True), ("pcmu", False)])
def test_a_call_with_baresip(tmp_path, codec, calls):
    """our phone and baresip: tones both ways by frequency and level, digits, RTCP; each message"""
    with wave.open(str(tmp_path / "ours.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(OURS_HZ))
    with Store(tmp_path / "hep.db") as store:
        network.isolated(lambda: _call(tmp_path, store, codec, calls))


def _call(folder, store, codec, calls):
    with (
        in_thread(Server(store, port=0)) as server,
        baresip.phone(folder, "bob", codec=codec, sound=tone(THEIRS_HZ)) as bob,
    ):
        sip = free_block(2)
        device = phone(
            folder, server, sip_port=sip, call=f"sip:bob@127.0.0.1:{bob.sip}" if calls else ""
        )
        with device:
            said(device, "phone is at")
            if not calls:
                bob.command("dial", f"sip:phone@127.0.0.1:{sip}")
            said(device, ": talking")
            until(lambda: heard(folder / "heard.wav", THEIRS_HZ), "their tone")
            device.type("dtmf 5")
            bob.command("sndcode", "7")
            said(device, "digit 7 in RTP")
            until(
                lambda: "'5'" in (folder / "bob" / "baresip.log").read_text(),
                lambda: (folder / "bob" / "baresip.log").read_text(),
            )
            until(lambda: reports(device), lambda: device.lines)
            said(device, codec.upper())
            device.type("quit")
            counts = device.wait(TIMEOUT_S)
        until(lambda: dumped(folder / "bob", OURS_HZ), "our tone, in what baresip has heard")
        messages = counts["sip"]["sent"] + counts["sip"]["received"]
        until(lambda: store.count() >= messages, lambda: (store.count(), messages))
    assert counts["calls"] == {"ended": 1, "talked": 1}, device.lines
    assert store.count() == counts["capture"]["captured"] == messages
    assert counts["sip"]["dropped"] == counts["capture"]["dropped"] == 0
    assert counts["rtcp"]["received"] >= 1 and counts["rtcp"]["sent"] >= 1
