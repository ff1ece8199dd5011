"""firmware: what an ATA's telephones are made of: hook, keypad, tones."""

import struct

import handset
import hook
import keypad
import lamps
import signals
from doubles import Clock, raises
from test_g711 import power
from usip import tones
from usip.audio import Audio

SETTINGS = {
    "pulse_least_ms": 20,
    "pulse_most_ms": 110,
    "pulse_pause_ms": 200,
    "flash_least_ms": 120,
    "flash_most_ms": 900,
}


class Heard:
    """A telephone that only remembers what its hook did."""

    def __init__(self):
        self.said = []

    def lift(self):
        self.said.append("lift")

    def lay(self):
        self.said.append("lay")

    def flash(self):
        self.said.append("flash")

    def digit(self, digit):
        self.said.append(digit)


class Loop:
    """A hook switch at a pin, as the board's loop polls it. The pin is low while it lies."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.level = 0
        self.telephone = Heard()
        self.hook = hook.Hook(self.telephone, dict(SETTINGS, **settings), self.clock)
        self.switch = lamps.Switch(lambda: self.level, "low", self.hook.change, self.clock, 10)

    def be(self, closed, ms, step=1):
        """The loop is closed (1) or open for a time."""
        self.level = closed
        for _ in range(ms // step):
            self.switch.poll()
            self.hook.poll()
            self.clock.pass_ms(step)

    def pulse(self, breaks, makes=40, step=1):
        for ms in breaks:
            self.be(0, ms, step)
            self.be(1, makes, step)

    def heard(self):
        said, self.telephone.said = self.telephone.said, []
        return said


def lifted(**settings):
    loop = Loop(**settings)
    loop.be(1, 100)
    assert loop.heard() == ["lift"]
    return loop


def test_every_digit_by_pulses():
    for step in (1, 3):  # as often as the loop comes round
        loop = lifted()
        for digit in "1234567890":
            loop.pulse([60] * (int(digit) or 10), step=step)
            assert loop.heard() == []  # the next pulse might still come
            loop.be(1, 250, step)
            assert loop.heard() == [digit]
        assert loop.hook.bad == 0


def test_dials_of_other_speeds():
    # Break and make in ms: 8 to 20 pulses a second, 50 to 70 % break.
    for breaks, makes in ((83, 42), (67, 33), (40, 40), (60, 40), (75, 50), (33, 17)):
        loop = lifted()
        loop.pulse([breaks] * 7, makes)
        loop.be(1, 300)
        assert loop.heard() == ["7"], (breaks, makes)


def test_a_number_with_the_least_pause():
    loop = lifted()
    for count in (4, 10, 1):
        loop.pulse([60] * count)
        loop.be(1, 240 - 40)
    assert loop.heard() == ["4", "0", "1"]
    loop.pulse([60] * 2)
    loop.be(1, 100)  # less than a pause: the same digit
    loop.pulse([60])
    loop.be(1, 300)
    assert loop.heard() == ["3"]


def test_bad_pulses():
    loop = lifted()
    loop.pulse([60] * 11)  # no digit has so many
    loop.be(1, 300)
    assert loop.heard() == [] and loop.hook.bad == 1
    loop.pulse([60, 115, 60])  # neither a pulse nor a flash
    loop.be(1, 300)
    assert loop.heard() == [] and loop.hook.bad == 2
    loop.pulse([8, 60, 5, 60])  # contacts that bounce are no pulses
    loop.be(1, 300)
    assert loop.heard() == ["2"] and loop.hook.bad == 2
    loop.pulse([60, 60])  # hung up amid a digit: it was none
    loop.be(0, 2000)
    assert loop.heard() == ["lay"] and loop.hook.bad == 3
    loop.be(1, 400)
    assert loop.heard() == ["lift"]
    loop.pulse([60, 300])  # a flash amid a digit
    loop.be(1, 300)
    assert loop.heard() == ["flash"] and loop.hook.bad == 4


def test_pulse_flash_and_hanging_up_are_told_apart():
    for ms, heard in (
        (10, []),
        (20, ["1"]),
        (60, ["1"]),
        (108, ["1"]),
        (114, []),
        (122, ["flash"]),
        (300, ["flash"]),
        (897, ["flash"]),
        (930, ["lay", "lift"]),
        (5000, ["lay", "lift"]),
    ):
        loop = lifted()
        loop.be(0, ms)
        loop.be(1, 400)
        assert loop.heard() == heard, ms


def test_a_short_flash_where_that_is_usual():
    """An earth-like recall of 100 ms, as European telephones send it."""
    loop = lifted(pulse_most_ms=80, flash_least_ms=85, flash_most_ms=300)
    loop.pulse([60, 60])
    loop.be(1, 300)
    loop.pulse([100])
    loop.be(1, 300)
    loop.be(0, 330)
    assert loop.heard() == ["2", "flash", "lay"]


def test_a_handset_that_is_laid_down_says_so_once():
    loop = lifted()
    loop.be(0, 10000)
    assert loop.heard() == ["lay"]
    loop.be(1, 10)
    loop.be(0, 500)
    assert loop.heard() == []


def test_a_loop_that_nobody_has_looked_at():
    """The device was busy while the handset was laid down, and lifted again."""
    loop = lifted()
    loop.hook.change(True, 5000)
    loop.hook.change(False, 2000)
    assert loop.heard() == ["lay", "lift"]


class Matrix:
    """Contacts between the pins of a keypad; `pressed` are (row, column)."""

    def __init__(self, rows=4, columns=3):
        self.pressed = set()
        self.levels = [1] * rows
        self.clock = Clock()
        self.keys = []
        self.pad = keypad.Keypad(
            [self.writer(at) for at in range(rows)],
            [self.reader(at) for at in range(columns)],
            self.keys.append,
            self.clock,
        )

    def writer(self, row):
        def write(level):
            self.levels[row] = level

        return write

    def reader(self, column):
        def read():
            assert self.levels.count(0) == 1
            return 0 if (self.levels.index(0), column) in self.pressed else 1

        return read

    def be(self, *pressed, ms=60):
        self.pressed = set(pressed)
        for _ in range(ms):
            self.pad.poll()
            self.clock.pass_ms(1)
        keys, self.keys[:] = list(self.keys), []
        return keys


def test_every_key():
    for columns, keys in ((3, "123456789*0#"), (4, "123A456B789C*0#D")):
        pad = Matrix(4, columns)
        found = []
        for at in range(len(keys)):
            found += pad.be((at // columns, at % columns))
            assert pad.be() == []
        assert "".join(found) == keys


def test_a_key_that_bounces_or_stays():
    pad = Matrix()
    found = []
    for _ in range(10):
        found += pad.be((0, 0), ms=7) + pad.be(ms=5)
    assert found == []
    assert pad.be((0, 0), ms=2000) == ["1"] and pad.be() == []
    assert pad.be((0, 0)) == ["1"]


def test_several_keys_at_once():
    pad = Matrix()
    assert pad.be((0, 0), (1, 1)) == []
    assert pad.be() == []
    assert pad.be((0, 0)) == ["1"]
    assert pad.be((0, 0), (1, 1)) == []  # typed fast: the second before the first is let go
    assert pad.be((1, 1)) == ["5"]
    assert pad.be((1, 1), (2, 2)) == [] and pad.be((1, 1)) == []  # that one was told already
    assert pad.be((2, 0)) == ["7"]


class Kept(Audio):
    """Keeps what is played."""

    def __init__(self):
        self.runs = None
        self.frames = []

    def start(self):
        self.runs = True

    def stop(self):
        self.runs = False

    def play(self, pcm):
        self.frames.append(bytes(pcm) if pcm else None)

    def frame(self):
        return b"said"


class Stream:
    running = False
    audio = None


def samples(frames):
    return struct.unpack("<%dh" % (160 * len(frames)), b"".join(frames))


def ear():
    """(clock, handset, what it hears, its two streams)."""
    clock, kept, streams = Clock(), Kept(), (Stream(), Stream())
    table = signals.table("e180")
    return clock, handset.Handset(kept, streams, table, tones.sine(6000), clock), kept, streams


def hear(clock, one, kept, ms):
    """The frames that it plays by itself in a time."""
    kept.frames.clear()
    for _ in range(ms):
        one.poll()
        clock.pass_ms(1)
    return list(kept.frames)


def cadence(frames):
    """[(whether it sounds, ms), ...]."""
    found = []
    for frame in frames:
        sounds = frame is not None
        if found and found[-1][0] == sounds:
            found[-1][1] += 20
        else:
            found.append([sounds, 20])
    return [tuple(each) for each in found]


def test_a_handset_has_tones_while_it_is_lifted():
    clock, one, kept, _ = ear()
    one.signal("dial")
    assert hear(clock, one, kept, 200) == [] and kept.runs is None
    one.lift()
    assert kept.runs
    frames = hear(clock, one, kept, 1000)
    assert len(frames) == 50 and None not in frames
    assert 5800 < power(samples(frames), 425) < 6200
    one.signal("busy")
    frames = hear(clock, one, kept, 2000)
    assert cadence(frames) == [(True, 500), (False, 500)] * 2
    one.signal("busy")  # goes on, and does not begin anew
    assert cadence(hear(clock, one, kept, 700)) == [(True, 500), (False, 200)]
    one.signal("ringback")
    assert cadence(hear(clock, one, kept, 6000)) == [(True, 1000), (False, 4000), (True, 1000)]
    one.lay()
    assert hear(clock, one, kept, 200) == [] and kept.runs is False and one.tone == ""


def test_a_handset_that_is_late_does_not_catch_up():
    clock, one, kept, _ = ear()
    one.lift()
    one.signal("dial")
    clock.pass_ms(5000)
    assert len(hear(clock, one, kept, 100)) in (5, 6)


def test_a_stream_has_the_handset_alone():
    clock, one, kept, (first, second) = ear()
    silent = first.audio
    assert silent is second.audio and silent.frame() is None and not silent.clocked
    one.lift()
    one.attach(first)
    assert first.audio is one and second.audio is silent
    one.attach(second)
    assert first.audio is silent and second.audio is one and one.frame() == b"said"
    second.running = True
    assert hear(clock, one, kept, 200) == []  # it brings the frames
    one.play(b"heard")
    one.play(None)
    assert kept.frames == [b"heard", None]
    one.attach(None)
    assert second.audio is silent and len(hear(clock, one, kept, 200)) == 10


def test_a_tone_gives_way_to_sound_but_waiting_does_not():
    clock, one, kept, (stream, _) = ear()
    one.lift()
    one.attach(stream)
    stream.running = True
    one.signal("ringback")
    one.play(None)
    one.play(b"announcement")
    assert 5800 < power(samples(kept.frames[:1]), 425) and kept.frames[1] == b"announcement"
    one.signal("waiting")
    kept.frames.clear()
    for _ in range(100):
        one.play(b"voice")
    sounds = [frame != b"voice" for frame in kept.frames]
    assert sounds == [True] * 10 + [False] * 30 + [True] * 10 + [False] * 50


def test_tones_as_written():
    assert signals.tone("425") == ((425,), ())
    assert signals.tone("480+620 500/500") == ((480, 620), (500, 500))
    assert signals.tone("") == ((), ())
    for text, said in (
        ("dial", "from 50 to 3400"),
        ("30", "from 50 to 3400"),
        ("1+2+3", "from 50"),
        ("400+500+600", "one or two"),
        ("425 500/10", "from 20 to 60000"),
        ("425 500-500", "from 20 to 60000"),
        (425, "a tone as"),
    ):
        assert said in raises(ValueError, signals.tone, text), text


def test_sets_of_tones():
    assert signals.table("us")["busy"] == ((480, 620), (500, 500))
    assert signals.table("uk")["ringback"] == ((400, 450), (400, 200, 400, 2000))
    own = signals.table({"set": "us", "dial": "300+400", "howler": ""})
    assert own["dial"] == ((300, 400), ()) and own["howler"] == ((), ())
    assert own["congestion"] == ((480, 620), (240, 240))
    assert signals.table({"dial": "400"})["busy"] == ((425,), (500, 500))
    for value, said in (
        ("mars", "one of e180, uk, us, or an object"),
        ({"set": "mars"}, "one of e180"),
        ({"engaged": "425"}, "an object of: set, dial, ringback"),
        ({"busy": "x"}, "from 50"),
    ):
        assert said in raises(ValueError, signals.table, value), value


def test_the_cadence_of_a_ringer():
    for right in ([], [1000, 4000], [400, 200, 400, 2000]):
        assert signals.pattern(right) is None
    for wrong in ([1000], [1000, 0], [1000, "x"], "1000", [1000, True], None):
        assert "a list of ms" in signals.pattern(wrong), wrong
