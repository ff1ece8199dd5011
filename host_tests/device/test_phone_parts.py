"""firmware: the console, lamps and switches, WAV files."""

import os
import struct

import console
import lamps
import rtpstat
import told
import unit
import wav
from doubles import Clock, raises
from uhep.rtpstats import RtpStats
from usip.net import token
from usip.playout import Playout
from usip.sender import Sender

PATH = "/tmp/uhep-%s.wav" % token(8)


class Typed:
    """What somebody types, in octets."""

    def __init__(self, text):
        self.text = text if isinstance(text, bytes) else text.encode()

    def ready(self):
        return True

    def read(self, n):
        text, self.text = self.text[:n], self.text[n:]
        return text


def typed(text):
    """What is said to it."""
    said = []

    def fail(rest):
        raise RuntimeError("cannot")

    def big(rest):
        raise MemoryError("no room")

    table = {
        "big": ("", "", big),
        "call": ("URI", "call somebody", lambda rest: "calls <%s>" % rest),
        "fail": ("", "", fail),
        "quiet": ("", "", lambda rest: None),
    }
    stream = Typed(text)
    one = console.Console(lambda: table, said.append, stream, stream.ready)
    for _ in range(len(text) + 5):
        one.poll()
    return said


def test_a_command_gets_the_rest_of_its_line():
    assert typed("call  sip:x@y \r\nCALL b\n") == ["calls <sip:x@y>", "calls <b>"]
    assert typed("cakk\b\bll x\n\n  \nquiet\n") == ["calls <x>"]
    assert typed("call x") == []  # the line is not complete


def test_what_can_not_be_done_is_said():
    assert typed("fail\nfoo\n") == ["cannot", "there is no foo; help lists what there is"]
    assert [line.split()[0] for line in typed("help\n")] == ["big", "call", "fail", "quiet"]
    assert len(typed("call " + "x" * 1000 + "\n")[0]) < 250


def test_no_room_for_a_command_does_not_end_the_device():
    assert typed("big\ncall b\n") == ["no room", "calls <b>"]
    said, loads = [], [MemoryError("no room"), {}]

    def load():
        one = loads.pop(0)
        if loads:
            raise one
        return one

    one = console.Console(load, said.append, Typed(""), bool)
    one.run("x")
    one.run("x")
    assert said == ["no room", "there is no x; help lists what there is"]


def test_what_is_planned_does_not_end_the_device():
    class Line:
        faults = []

        def on_fault(self, error):
            self.faults.append(error)

    class Device(unit.Unit):
        def _commands(self):
            return {}

    def fail():
        raise MemoryError

    device = Device({}, None)
    device.lines.append(Line())
    device.lines[0].ua = device.lines[0]
    device.plan.after(0, fail)
    device.plan.poll()
    assert len(Line.faults) == 1


def test_octets_that_are_no_text_do_no_harm():
    """Noise of the line, half a character: the next line is taken as ever."""
    assert typed("call jürgen\n") == ["calls <jürgen>"]
    for noise in (b"\xff\n", b"\xc3\n", b"call \xe2\x82\n", b"\xf0\r"):
        assert typed(noise + b"call b\n") == ["that is not UTF-8", "calls <b>"], noise


def test_header_of_a_bye_and_status_are_about_their_call():
    class Stream:
        codec = "PCMU"
        rtcp = None
        muted = False
        running = True
        playout = Playout()

    class Socket:
        def sendto(self, data, peer):
            return len(data)

    stream = Stream()
    stream.sender = Sender(Socket())
    stream.sender.code(0, 0, None)
    for sent in (3, 5):
        stream.sender.anew()
        stream.stats = RtpStats()
        for _ in range(sent):
            stream.sender.frame(None)
        stream.playout.concealed += 2
        assert rtpstat.text(stream).startswith("CS=0;PS=%d;OS=%d;PR=0;" % (sent, sent * 160))
        assert list(told._sound(stream)) == [
            "PCMU, %d sent, 0 received, 0 lost, jitter buffer 40 ms" % sent,
            "since the start: %d concealed" % stream.playout.concealed,
        ]


def test_a_lamp_blinks_and_its_level_is_the_boards():
    for active, on in (("high", 1), ("low", 0)):
        clock = Clock()
        levels = []
        lamp = lamps.Lamp(levels.append, active, clock)
        assert levels == [1 - on]
        lamp.on()
        lamp.on()
        assert levels == [1 - on, on]
        lamp.off()
        lamp.blink(200, 300)
        seen = []
        for _ in range(100):
            lamp.poll()
            lamp.blink(200, 300)  # the same again does not begin anew
            seen.append(lamp.lit)
            clock.pass_ms(10)
        assert seen == ([True] * 20 + [False] * 30) * 2
        assert levels[-1] == (1 - on)


def test_a_switch_does_not_bounce():
    clock = Clock()
    level = [1]
    changes = []

    def changed(closed, lasted):
        changes.append((closed, lasted))

    switch = lamps.Switch(lambda: level[0], "low", changed, clock)
    assert not switch.closed
    for at in range(400):
        if at == 100:
            level[0] = 0
        elif 100 < at < 110:  # it bounces
            level[0] = at & 1
        elif at == 110:
            level[0] = 0
        elif at == 300:
            level[0] = 1
        switch.poll()
        clock.pass_ms(1)
    assert [closed for closed, _ in changes] == [True, False]
    assert changes[0][1] in range(100, 112) and changes[1][1] in range(185, 201)


def written(data, form=(1, 1, 8000, 16000, 2, 16), extra=b""):
    with open(PATH, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + extra)
        file.write(b"fmt " + struct.pack("<IHHIIHH", 16, *form))
        file.write(b"data" + struct.pack("<I", len(data)) + data)
    return PATH


def test_a_wav_file_is_sent_again_and_again():
    one, two = bytes([1, 0] * 160), bytes([2, 0] * 160)
    try:
        source = wav.Wav(
            written(one + two + b"\x03\x00", extra=b"LIST\x03\x00\x00\x00abc\x00"), ""
        )
        frames = [bytes(source.frame()) for _ in range(5)]
    finally:
        os.unlink(PATH)
    assert frames == [one, two, one, two, one]


def test_a_wav_file_that_can_not_be_sent():
    for data, form, said in (
        (bytes(640), (1, 2, 8000, 32000, 4, 16), "must be 16 bits, mono, 8000 Hz"),
        (bytes(640), (1, 1, 44100, 88200, 2, 16), "must be 16 bits, mono, 8000 Hz"),
        (bytes(10), (1, 1, 8000, 16000, 2, 16), "shorter than 20 ms"),
    ):
        try:
            assert said in raises(ValueError, wav.Wav, written(data, form), "")
        finally:
            os.unlink(PATH)
    try:
        with open(PATH, "wb") as file:
            file.write(b"no wav at all, but long enough")
        assert "is no WAV file" in raises(ValueError, wav.Wav, PATH, "")
    finally:
        os.unlink(PATH)
    assert "%s can not be read" % PATH in raises(ValueError, wav.Wav, PATH, "")


def test_a_wav_file_that_ends_before_it_says():
    try:
        with open(written(bytes([1, 0] * 160)), "r+b") as file:
            file.seek(40)
            file.write(b"\xff\xff\xff\xff")
        source = wav.Wav(PATH, "")
        assert source.frame() and not source._left
    finally:
        os.unlink(PATH)


def test_what_is_heard_can_not_be_written():
    for path in ("/dev/full", PATH + "/no-folder"):
        sink = wav.Wav("", path)
        for _ in range(2):
            sink.start()
            for _ in range(100):  # more than a buffer takes
                sink.play(None)
            sink.stop()
        assert not sink._target


def test_what_is_heard_is_a_wav_file_after_each_call():
    try:
        sink = wav.Wav("", PATH)
        assert sink.frame() is None
        sink.play(bytes(320))  # before any call: nobody listens
        for count in (1, 2):
            sink.start()
            sink.play(bytes([7, 0] * 160))
            sink.play(None)
            sink.stop()
            source = wav.Wav(PATH, "")
            frames = [bytes(source.frame()) for _ in range(2 * count)]
            assert frames == [bytes([7, 0] * 160), bytes(320)] * count
    finally:
        os.unlink(PATH)
