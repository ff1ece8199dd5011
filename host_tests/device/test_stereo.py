"""firmware/stereo.py: two telephones at one microphone port and one speaker port."""

import struct

import i2s
import pairs
import stereo
from doubles import raises
from test_i2s import PINS, Machine, Port, Select

try:
    import _pairs
except Exception:  # CPython, or a port without machine code
    _pairs = None


def opened(pins=PINS):
    i2s.select = Select
    Port.made = []
    both = stereo.Stereo(Machine, pins)
    for side in both.sides:
        side.start()
    return both.sides


def pair(at):
    return struct.pack("<hh", at, -at)


def said(speaker):
    """What came out of the speaker, as [left, right]."""
    data = bytes(speaker.played)
    played = struct.unpack("<%dh" % (len(data) // 2), data)
    return [[played[at] for at in range(side, len(played), 2)] for side in (0, 1)]


def samples(frame):
    return struct.unpack("<160h", bytes(frame))


def test_both_ports_are_opened_for_two():
    opened()
    microphone, speaker = Port.made
    for port in Port.made:
        assert port.settings["format"] == Port.STEREO and port.settings["rate"] == 8000
        assert port.polled
    assert microphone.buffers == 2 and speaker.buffers == 2


def test_each_hears_its_side():
    left, right = opened()
    assert left.clocked and right.clocked
    expected = 1
    frames = 0
    for turn in range(50):
        Port.made[0].pass_buffer()
        for _ in range(32):
            (left, right)[turn % 2].poll()  # whoever polls, polls for both
            while left.waiting:
                assert right.waiting == left.waiting
                one, other = samples(left.frame()), samples(right.frame())
                assert one == tuple(range(expected, expected + 160))
                assert other == tuple([-each for each in one])
                expected += 160
                frames += 1
    assert frames == 50 * 256 // 160
    assert left.overruns == right.overruns == 0 and right.frame() is None


def test_each_says_its_side():
    left, right = opened()
    speaker = Port.made[1]
    given = [[], []]
    for turn in range(60):
        if turn % 2 == 0:
            for which, side in enumerate((left, right)):
                frame = struct.pack("<h", (turn // 2 + 1) * (1 - 2 * which)) * 160
                side.play(frame)
                given[which] += samples(frame)
        left.poll()
        right.poll()
        if turn % 3 == 2:
            speaker.pass_buffer()
    assert left.underruns == right.underruns == 0
    for which, played in enumerate(said(speaker)):
        heard = [each for each in played if each]
        assert len(heard) > 4000 and heard == given[which][: len(heard)]


def test_one_that_says_nothing_is_silent_and_stops_nobody():
    left, right = opened()
    left.stop()
    for _ in range(3):
        right.play(struct.pack("<h", 7) * 160)
        right.poll()
    Port.made[1].pass_buffer()
    assert said(Port.made[1]) == [[0] * 256, [7] * 256]
    left.play(struct.pack("<h", 5) * 160)  # and comes in later
    for _ in range(4):
        left.poll()
        Port.made[1].pass_buffer()
    one, other = said(Port.made[1])
    assert one.count(5) == 160 and other.count(7) == 480


def test_a_speaker_without_room_loses_frames_and_does_not_wait():
    left, right = opened()
    for _ in range(20):
        left.play(None)
        right.play(None)
        left.poll()
    assert left.underruns > 0 and right.underruns > 0 and len(Port.made[1].data) == 2048


def test_sound_that_nobody_takes_is_the_oldest_that_goes():
    left, right = opened()
    for _ in range(10):
        Port.made[0].pass_buffer()
        for _ in range(4):
            left.poll()
            while left.waiting:
                left.frame()
    assert left.overruns == 0 and right.overruns > 0 and right.waiting <= 3


def test_one_of_both_is_enough():
    left, right = opened({"speaker": PINS["speaker"]})
    assert not left.clocked and left.frame() is None
    left.poll()
    left, right = opened({"microphone": PINS["microphone"]})
    assert right.clocked
    right.play(None)
    right.poll()
    assert "neither microphone nor speaker" in raises(ValueError, stereo.Stereo, Machine, {})


def test_the_telephones_share_the_ports():
    i2s.select = Select
    Port.made = []
    first = stereo.side(Machine, PINS, 0)
    second = stereo.side(Machine, PINS, 1)
    assert len(Port.made) == 2 and first is not second
    assert [first, second] == stereo._stereo.sides


def test_apart_and_together_again():
    for code in [pairs] + ([_pairs] if _pairs else []):
        both = b"".join([pair(300 * (at + 1)) for at in range(32)])
        left, right = memoryview(bytearray(128))[64:], bytearray(64)
        code.split(both, left, right)
        assert struct.unpack("<32h", bytes(left)) == tuple(range(300, 9601, 300))
        assert struct.unpack("<32h", right) == tuple(range(-300, -9601, -300))
        out = bytearray(128)
        code.join(left, right, out)
        assert bytes(out) == both
