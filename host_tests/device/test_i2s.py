"""firmware/i2s.py with a port that moves samples as an ESP32's driver does."""

import i2s
from doubles import raises

BUFFER = 256  # samples in a buffer of DMA


class Port:
    """One direction of I2S. Until it is polled it blocks, which a test must never see.

    RX: samples come in whole buffers of 256, of which `ibuf` says how many there are; the
    oldest is lost when all are full. readinto() takes what is there, up to the octets asked for.
    TX: write() takes what fits, and the samples leave by whole buffers. STEREO is two samples
    for each of MONO; what is heard is then that, and the same below zero.
    """

    RX, TX, MONO, STEREO = 5, 6, 0, 1
    made = []

    def __init__(self, port, **settings):
        self.settings = settings
        self.receives = settings["mode"] == self.RX
        self.octets = 4 if settings["format"] == self.STEREO else 2
        self.buffers = settings["ibuf"] // (BUFFER * (8 if self.receives else self.octets))
        self.data = bytearray()
        self.polled = False
        self.stamp = 0
        self.played = bytearray()
        self.made.append(self)

    def pass_buffer(self):
        """32 ms go by."""
        if self.receives:
            for _ in range(BUFFER):
                self.stamp += 1
                self.data += bytes([self.stamp & 0xFF, self.stamp >> 8 & 0x7F])
                if self.octets == 4:
                    self.data += bytes([-self.stamp & 0xFF, -self.stamp >> 8 & 0xFF])
            self.data = self.data[-BUFFER * self.octets * self.buffers :]
        else:
            size = BUFFER * self.octets
            self.played += self.data[:size] or bytes(size)
            self.data = self.data[size:]

    def readinto(self, buf):
        assert self.polled and self.receives and len(buf) % 2 == 0
        n = min(len(buf), len(self.data))
        buf[:n] = self.data[:n]
        self.data = self.data[n:]
        return n

    def write(self, buf):
        assert self.polled and not self.receives
        n = min(len(buf), BUFFER * self.octets * self.buffers - len(self.data))
        self.data += buf[:n]
        return n


class Poll:
    def register(self, port, event):
        self.port = port

    def unregister(self, port):
        pass

    def poll(self, ms):
        assert ms == 0
        self.port.polled = True


class Select:
    POLLIN, POLLOUT = 1, 4
    poll = Poll


class Machine:
    I2S = Port

    def Pin(number):
        return number


PINS = {
    "speaker": {"id": 0, "sck": 14, "ws": 27, "sd": 22},
    "microphone": {"id": 1, "sck": 26, "ws": 25, "sd": 33},
}


def opened(pins=PINS):
    i2s.select = Select
    Port.made = []
    audio = i2s.I2S(Machine, pins)
    audio.start()
    return audio


def first(frame):
    return frame[0] | frame[1] << 8


def test_both_ports_are_opened_for_telephony():
    opened()
    microphone, speaker = Port.made
    for port in Port.made:
        assert port.settings["rate"] == 8000 and port.settings["bits"] == 16
        assert port.settings["format"] == Port.MONO and port.polled
    assert (microphone.settings["mode"], microphone.settings["sd"]) == (Port.RX, 33)
    assert (speaker.settings["mode"], speaker.settings["sck"]) == (Port.TX, 14)
    assert microphone.buffers == 2 and speaker.buffers == 2


def test_every_sample_of_the_microphone_comes_once_and_in_order():
    audio = opened()
    assert audio.clocked
    expected = 1
    frames = 0
    for _ in range(50):
        Port.made[0].pass_buffer()
        for _ in range(32):
            audio.poll()
            while audio.waiting:
                frame = audio.frame()
                assert first(frame) == expected
                expected += 160
                frames += 1
    assert frames == 50 * 256 // 160 and audio.overruns == 0 and audio.frame() is None


def test_a_frame_that_was_taken_stays_while_others_come():
    audio = opened()
    Port.made[0].pass_buffer()
    audio.poll()
    frame = audio.frame()
    for _ in range(3):
        Port.made[0].pass_buffer()
        audio.poll()
    assert first(frame) == 1


def test_sound_that_nobody_takes_is_the_oldest_that_goes():
    audio = opened()
    for _ in range(10):
        Port.made[0].pass_buffer()
        for _ in range(4):
            audio.poll()
    assert audio.overruns > 0 and audio.waiting <= 3
    assert first(audio.frame()) > 256 * 10 - 160 * 4


def test_the_speaker_plays_what_it_is_given():
    audio = opened()
    speaker = Port.made[1]
    given = bytearray()
    at = 0
    for turn in range(200):
        if turn % 2 == 0:
            frame = bytes([at & 0xFF, 1] * 160)
            at += 1
            audio.play(frame)
            given += frame
        audio.poll()
        audio.poll()
        if turn % 3 == 2:
            speaker.pass_buffer()
    assert audio.underruns == 0
    played = bytes(speaker.played).replace(bytes(2), b"")
    assert len(played) > 10000 and bytes(given).startswith(played)


def test_a_speaker_without_room_loses_frames_and_does_not_wait():
    audio = opened()
    for _ in range(20):
        audio.play(None)
        audio.poll()
    assert audio.underruns > 0 and len(Port.made[1].data) == 1024


def test_one_of_both_is_enough():
    audio = opened({"speaker": PINS["speaker"]})
    assert not audio.clocked and audio.frame() is None
    audio.poll()
    audio = opened({"microphone": PINS["microphone"]})
    audio.play(None)
    audio.poll()
    assert "neither microphone nor speaker" in raises(ValueError, i2s.I2S, Machine, {})
