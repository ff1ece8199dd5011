"""The ATA's lines with real peers: called, calling, on hold; each message of it is captured."""

import wave

import pytest
from atas import Ata, Lab
from peers import baresip, network, sipp
from test_peer_baresip import OURS_HZ, THEIRS_HZ, dumped, heard, level, samples_of, tone
from waiting import until


@pytest.mark.peer("sipp")
def test_sipp_calls_each_line(tmp_path):
    """sipp calls each line of the ATA; what was captured is what sipp has logged, byte for byte"""
    with Lab(tmp_path) as lab, Ata(tmp_path, lab.server, answer_after_ms=50) as ata:
        logged = {port: sipp.call(tmp_path, port).messages for port in (ata.sip, ata.sip + 1)}
        counts = ata.quit()
        lab.captured(counts)
        stored = [m for call in lab.store.calls() for m in lab.store.messages(call.call)]
    assert [line["calls"] for line in counts["lines"]] == [{"ended": 1, "talked": 1}] * 2
    for port, messages in logged.items():
        for by_sipp in (True, False):
            theirs = sorted(text for sent, text in messages if sent == by_sipp)
            mine = [m for m in stored if (m.dport if by_sipp else m.sport) == port]
            assert theirs == sorted(m.packet.payload for m in mine) and theirs


@pytest.mark.peer("sipp")
def test_each_line_calls_sipp(tmp_path):
    """each line of the ATA calls sipp, and hangs up"""
    with Lab(tmp_path) as lab, Ata(tmp_path, lab.server) as ata, sipp.uas(tmp_path) as port:
        for number in (1, 2):
            ata.do(f"call {number} sip:x@127.0.0.1:{port}")
            ata.saw(f"telephone {number}: talking")
            ata.do(f"lay {number}")
            ata.saw(f"line {number}: call to sip:x@127.0.0.1:{port}: ended")
        counts = ata.quit()
        lab.captured(counts)
        labels = [[m.label for m in lab.store.messages(c.call)] for c in lab.store.calls()]
    assert labels == [["INVITE", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK"]] * 2
    assert [line["calls"] for line in counts["lines"]] == [{"ended": 1, "talked": 1}] * 2


@pytest.mark.peer("baresip")
@pytest.mark.parametrize("number, calls", [(1, False), (2, False), (2, True)])
def test_a_call_with_baresip(tmp_path, number, calls):
    """each line of the ATA and baresip: tones both ways, a digit, hold by a flash; all captured"""
    for name in ("ours.wav", "ours2.wav"):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(tone(OURS_HZ))
    network.isolated(lambda: _call(tmp_path, number, calls))


def _call(folder, number, calls):
    ear = folder / f"ear{number if number > 1 else ''}.wav"
    with (
        Lab(folder) as lab,
        baresip.phone(folder, "bob", sound=tone(THEIRS_HZ)) as bob,
        Ata(
            folder,
            lab.server,
            heap="192K",
            audio="wav",
            wav_in=str(folder / "ours.wav"),
            wav_out=str(folder / "ear.wav"),
        ) as ata,
    ):
        if calls:
            ata.do(f"call {number} sip:bob@127.0.0.1:{bob.sip}")
        else:
            bob.command("dial", f"sip:x@127.0.0.1:{ata.sip + number - 1}")
            ata.saw(f"telephone {number} rings")
            ata.do(f"lift {number}")
        ata.saw(f"line {number}: call {'to' if calls else 'from'} ")
        until(lambda: heard(ear, THEIRS_HZ), "their tone")
        ata.do(f"dial {number} 5")
        until(
            lambda: "'5'" in (folder / "bob" / "baresip.log").read_text(),
            lambda: (folder / "bob" / "baresip.log").read_text(),
        )
        ata.do(f"flash {number}")
        ata.saw(": holding")
        at = len(samples_of(ear))
        until(lambda: _dial_tone(ear, at), "a dial tone, and their tone no more")
        ata.do(f"flash {number}")
        ata.saw(": no longer holding")
        at = len(samples_of(ear))
        until(lambda: heard(ear, THEIRS_HZ) and _theirs(ear, at), "their tone again")
        counts = ata.quit()
        lab.captured(counts)
        until(lambda: dumped(folder / "bob", OURS_HZ), "our tone, in what baresip has heard")
    assert counts["lines"][number - 1]["calls"] == {"ended": 1, "talked": 1}


def _part(path, at):
    """The last fifth of a second of what was heard after a sample."""
    samples = samples_of(path)[at:][-1600:]
    if len(samples) < 1600:
        return 0, 0
    return level(samples, THEIRS_HZ), level(samples, 425)


def _dial_tone(path, at):
    theirs, dial = _part(path, at)
    return theirs < 200 and dial > 5000


def _theirs(path, at):
    theirs, dial = _part(path, at)
    return theirs > 6000 and dial < 200
