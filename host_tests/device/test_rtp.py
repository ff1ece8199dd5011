"""lib/usip: the RTP stream: what is sent and when, what is taken in."""

import struct

from doubles import Clock, Network, resolve
from usip import rtp
from usip.audio import Audio, Tone
from usip.g711 import ALAW, FRAME, SILENCE, ULAW


class Agreed:
    """What offer and answer came to, as sdp.Agreed has it."""

    host = "192.0.2.8"
    port = 7000
    rtcp_port = 7001
    payload = codec = ULAW
    event = 101
    sends = receives = True

    def __init__(self, **more):
        for key in more:
            setattr(self, key, more[key])


class Heard(Audio):
    """Sends silence, and keeps what is played: None, or the first sample."""

    def __init__(self):
        self.played = []

    def play(self, pcm):
        self.played.append(pcm and struct.unpack_from("<h", pcm)[0])


class Ends:
    """A stream, and the socket at its other end."""

    def __init__(self, audio=None, **agreed):
        self.clock = Clock()
        network = self.network = Network()
        self.far = network.socket("192.0.2.8", 7000)
        self.other = network.socket("198.51.100.1", 9000)
        self.near = network.socket("192.0.2.2", 4000)
        self.audio = audio or Heard()
        self.digits = []
        self.stream = rtp.Stream(
            self.near,
            self.near.ready,
            self.audio,
            self.clock,
            on_digit=self.digits.append,
            resolve=resolve,
        )
        self.agreed = Agreed(**agreed)

    def start(self, **changed):
        for key in changed:
            setattr(self.agreed, key, changed[key])
        self.stream.start(self.far.address, self.agreed)

    def packets(self, ms, step=1):
        """Polls every `step` ms; what was sent."""
        for _ in range(ms // step):
            self.stream.poll()
            self.clock.pass_ms(step)
        packets = [data for data, _ in self.far.waiting]
        self.far.waiting.clear()
        self.network.log.clear()
        return packets

    def run(self, ms, step=1):
        """(marker, sequence, timestamp) of what was sent, all sound."""
        packets = self.packets(ms, step)
        for data in packets:
            assert len(data) == 172 and data[0] == 0x80 and data[1] & 0x7F == self.agreed.payload
        return [(data[1] >> 7,) + struct.unpack(">HI", data[2:8]) for data in packets]

    def arrive(self, *sequence, **more):
        for seq in sequence:
            (more.get("via") or self.far).sendto(packet(seq, **more), self.near.address)
            self.stream.poll()
        return self.stream.stats.total_received(), self.stream.stats.missing()


def packet(seq, kind=0, body=b"\x10" * 160, ssrc=1, stamp=None, first=0x80, via=None):
    stamp = seq * 160 if stamp is None else stamp
    return struct.pack(">BBHII", first, kind, seq, stamp & 0xFFFFFFFF, ssrc) + body


def steps(packets, field):
    size = 0x10000 if field == 1 else 0x100000000
    values = [packet[field] for packet in packets]
    return [(values[at] - values[at - 1]) % size for at in range(1, len(values))]


def test_a_packet_every_20_ms():
    ends = Ends()
    assert ends.run(100) == [] and not ends.stream.running
    ends.start()
    packets = ends.run(1000)
    assert len(packets) == ends.stream.sender.sent == 50
    assert set(steps(packets, 1)) == {1} and set(steps(packets, 2)) == {160}
    assert [marker for marker, _, _ in packets] == [1] + [0] * 49
    assert ends.stream.sender.octets == 50 * 160


def test_a_slow_loop_does_not_drift():
    ends = Ends()
    ends.start()
    packets = ends.run(10010, step=13)
    assert len(packets) == 500 and ends.stream.sender.skipped == 0
    assert set(steps(packets, 2)) == {160}


def test_what_is_too_late_is_skipped():
    ends = Ends()
    ends.start()
    ends.run(20)
    ends.clock.pass_ms(199)
    packets = ends.run(1)
    assert len(packets) == 3 and ends.stream.sender.skipped == 7
    after = ends.run(20)
    assert after[0][0] == 1  # the gap is marked, and is one in time only
    assert steps(packets[-1:] + after, 1) == [1]
    assert steps(packets[-1:] + after, 2) == [160 * 8]


def test_sequence_and_timestamp_wrap():
    ends = Ends()
    ends.start()
    sender = ends.stream.sender
    sender.seq, sender.stamp_high, sender.stamp_low = 0xFFFE, 0xFFFF, 0xFFFF
    packets = ends.run(80)
    assert [seq for _, seq, _ in packets] == [0xFFFE, 0xFFFF, 0, 1]
    assert [stamp for _, _, stamp in packets] == [0xFFFFFFFF, 159, 319, 479]


def test_a_full_network_loses_packets_only():
    ends = Ends()
    ends.start()
    ends.near.failure = OSError(12)
    packets = ends.run(100)
    assert len(packets) == ends.stream.sender.sent == 4
    assert packets[0][0] == 1  # the marker is for the first that goes
    ends.near.failure = OSError(111)
    ends.run(1)
    assert ends.arrive(5) == (1, 0)


def test_the_payload_is_as_agreed():
    for law, silence in ((ULAW, b"\xff"), (ALAW, b"\xd5")):
        ends = Ends(payload=law, codec=law)
        ends.start()
        assert {data[1:2] + data[12:] for data in ends.packets(60)[1:]} == {
            bytes([law]) + silence * 160
        }
    ends = Ends(Tone(400), payload=8, codec=ALAW)
    ends.start()
    tone = ends.packets(20)[0][12:]
    assert tone != SILENCE[ALAW] and tone[:20] == tone[20:40]
    ends.start(payload=96)  # a number of the peer's own for the same
    assert ends.packets(20)[0][1] == 96
    ends.stream.muted = True
    assert ends.packets(20)[0][12:] == SILENCE[ALAW]


def test_reception_is_counted():
    ends = Ends()
    ends.start()
    assert ends.arrive(65534, 65535, 0, 1) == (4, 0)
    assert ends.arrive(4) == (5, 2)
    assert ends.arrive(3) == (6, 1)
    for junk in (b"", b"\x80" * 11, b"\x00" * 172):
        ends.far.sendto(junk, ends.near.address)
        ends.stream.poll()
    assert ends.arrive() == (6, 1) and ends.stream.stats.invalid == 3
    ends.arrive(5, kind=34)
    assert ends.stream.foreign == 1


def test_each_call_starts_afresh():
    ends = Ends()
    ends.start()
    ends.arrive(10)
    ends.run(100)
    ssrc = (ends.stream.sender.ssrc_high, ends.stream.sender.ssrc_low)
    ends.stream.stop()
    assert ends.run(100) == []
    ends.arrive(11, 12)
    ends.start()
    assert ends.arrive(5000) == (1, 0)
    assert (ends.stream.sender.ssrc_high, ends.stream.sender.ssrc_low) != ssrc


def test_between_two_calls_rtcp_is_still_read():
    ends = Ends()
    polled = []
    ends.stream.rtcp = type("Rtcp", (), {"poll": lambda self: polled.append(1)})()
    ends.run(3)
    assert len(polled) == 3


def test_hold_stops_the_sound_and_not_the_clock():
    ends = Ends()
    ends.start()
    before = ends.run(100)
    ends.start(sends=False)
    assert ends.run(1000) == []
    ends.start(sends=True)
    after = ends.run(20)
    assert steps(before[-1:] + after, 2) == [160 * 51] and after[0][0] == 1
    ends.start(receives=False)
    heard = len(ends.audio.played)
    ends.run(100)
    assert len(ends.audio.played) == heard


def test_one_way_is_told_of_a_call_that_is_not_on_hold():
    ends = Ends()
    ends.start()
    ends.run(5020, 20)
    assert ends.stream.stats.one_way  # nothing has ever come
    ends.arrive(1, 2, 3)
    for hold in ({"receives": False}, {"sends": False}):  # ours, and the peer's
        ends.start(**hold)
        ends.run(16000, 20)
        assert not ends.stream.stats.one_way
        ends.start(sends=True, receives=True)
        ends.run(4900, 20)
        assert not ends.stream.stats.one_way
        ends.run(120, 20)
        assert ends.stream.stats.one_way


def test_the_clock_of_the_statistics_does_not_stop_in_a_silence():
    ends = Ends()
    ends.start(sends=False)
    ends.arrive(1)
    ends.run(1200000, 50)
    assert 1199900 <= ends.stream.stats.silent_ms <= 1200000
    ends.arrive(2)
    assert ends.stream.stats.silent_ms == 0


def test_rtp_is_sent_to_where_it_comes_from():
    ends = Ends()
    ends.start()
    ends.run(45)
    ends.near.waiting.append((b"\x00" * 20, ("203.0.113.5", 666)))  # no RTP
    ends.stream.poll()
    ends.arrive(1, via=ends.other)
    ends.run(100)
    assert len(ends.other.waiting) == 5
    ends.near.waiting.append((packet(2), ("203.0.113.5", 666)))  # too late to take over
    ends.stream.poll()
    ends.start(sends=False)
    ends.start(sends=True)
    ends.run(100)
    assert len(ends.other.waiting) == 10 and not ends.far.waiting
    ends.arrive(7, 8, via=ends.far, ssrc=2)  # another SSRC: it may come from elsewhere
    ends.arrive(9, via=ends.far, ssrc=2)
    assert len(ends.run(100)) == 5


def test_what_arrives_is_played():
    ends = Ends()
    ends.start()
    for seq in range(10):
        ends.arrive(seq)
        ends.run(20)
    played = ends.audio.played
    assert played[0] is None and played[-5:] == [-15996] * 5
    ends.run(200)
    assert played[-8:-6] == [-15996 // 2, -15996 // 4] and played[-1] is None


def test_another_payload_type_and_another_ssrc():
    ends = Ends()
    ends.start()
    for seq in range(5):
        ends.arrive(seq)
        ends.run(20)
    for seq in range(5, 10):
        ends.arrive(seq, kind=8, body=b"\x2a" * 160)
        ends.run(20)
    assert ends.audio.played[-1] == -32256 and ends.stream.foreign == 0
    for seq in range(900, 905):
        ends.arrive(seq, ssrc=77)
        ends.run(20)
    assert ends.audio.played[-1] == -15996
    assert ends.stream.stats.ssrc_changes == 1


def test_what_surrounds_the_sound_is_cut_off():
    for first, body in (
        (0x82, b"\x00" * 8 + b"\x10" * 160),  # two CSRC
        (0x90, b"\x00\x01\x00\x01" + b"\x00" * 4 + b"\x10" * 160),  # an extension
        (0xA0, b"\x10" * 160 + b"\x00\x00\x00\x04"),  # padding
    ):
        ends = Ends()
        ends.start()
        for seq in range(4):
            ends.arrive(seq, first=first, body=body)
            ends.run(20)
        assert ends.audio.played[-1] == -15996, first


def event(seq, code, duration, stamp, end=0, kind=101):
    return packet(seq, kind, struct.pack(">BBH", code, end << 7 | 10, duration), stamp=stamp)


def test_a_digit_is_heard_once():
    ends = Ends()
    ends.start()
    sent = [event(1 + at, 5, 160 * (at + 1), 1000) for at in range(4)]
    sent += [event(5 + at, 5, 640, 1000, 1) for at in range(3)]
    again = [event(8, 5, 160, 3000), event(9, 5, 160, 3000, 1)]
    for data in sent + again:
        ends.far.sendto(data, ends.near.address)
        ends.stream.poll()
    assert ends.digits == ["5", "5"]
    ends.digits.clear()
    for data in (event(11, 11, 640, 0xFFFFFF00, 1), event(10, 11, 640, 0xFFFFFF00)):
        ends.far.sendto(data, ends.near.address)
        ends.stream.poll()
    assert ends.digits == []  # older than the last one
    for data in (
        event(12, 11, 640, 9000, 1),  # only its end arrived
        event(6, 5, 640, 1000, 1),  # late
        event(13, 16, 160, 12000),  # flash is no digit
        event(14, 1, 160, 13000, 0, 96),  # not the payload type that was agreed
    ):
        ends.far.sendto(data, ends.near.address)
        ends.stream.poll()
    assert ends.digits == ["#"]


def test_a_digit_in_packets_with_more_around_it():
    for first, around in ((0x90, b"\xbe\xde\0\1abcd"), (0x81, b"csrc"), (0x91, b"csrc\0\0\0\0")):
        ends = Ends()
        ends.start()
        sent = [event(1 + at, 5, 160 * (at + 1), 1000) for at in range(4)]
        for data in sent + [event(5, 5, 640, 1000, 1)]:
            ends.near.waiting.append(
                (bytes([first]) + data[1:12] + around + data[12:], ends.far.address)
            )
            ends.stream.poll()
        assert ends.digits == ["5"], first
    # Its padding is no payload.
    short = event(1, 5, 160, 1000)[:12] + b"\5\0\0\3"
    ends = Ends()
    ends.start()
    ends.near.waiting.append((b"\xa0" + short[1:], ends.far.address))
    ends.stream.poll()
    assert ends.digits == []


def test_digits_are_sent_as_events():
    ends = Ends()
    assert ends.stream.dial("1") is False
    ends.start()
    ends.run(100)
    assert ends.stream.dial("1#")
    packets = ends.packets(600)
    events = [data for data in packets if data[1] & 0x7F == 101]
    assert len(events) == 14 and len(packets) == 30
    for at, code in ((0, 1), (7, 11)):
        one = events[at : at + 7]
        assert [data[1] >> 7 for data in one] == [1] + [0] * 6
        assert len({data[4:8] for data in one}) == 1
        assert [data[2:4] for data in one] == [
            struct.pack(">H", struct.unpack(">H", one[0][2:4])[0] + step & 0xFFFF)
            for step in range(7)
        ]
        fields = [struct.unpack(">BBH", data[12:]) for data in one]
        assert {field[0] for field in fields} == {code}
        assert [field[1] for field in fields] == [10] * 4 + [0x8A] * 3
        assert [field[2] for field in fields] == [160, 320, 480, 640, 800, 800, 800]
    assert len({data[8:12] for data in packets}) == 1
    sound = [data for data in packets if data[1] & 0x7F == 0]
    assert all(data[12:] == SILENCE[ULAW] for data in sound)


def test_digits_that_a_call_did_not_come_to_are_not_the_next_ones():
    ends = Ends()
    ends.start()
    ends.stream.dial("123")
    assert [data[12] for data in ends.packets(160) if data[1] & 0x7F == 101] == [1] * 7
    ends.packets(80)  # in the midst of the second one
    ends.stream.stop()
    ends.start()
    ends.run(1000)


def test_no_events_where_none_were_agreed():
    ends = Ends(event=None)
    ends.start()
    assert ends.stream.dial("1") is False
    assert len(ends.run(200)) == 10
    ends = Ends()
    ends.start()
    for digits in ("x", "12 3", "1" * 33):
        try:
            ends.stream.dial(digits)
        except ValueError:
            continue
        raise AssertionError(digits)


class Microphone(Audio):
    """Gives a frame for each 20 ms of its own time, in lumps of 32 ms, as DMA does."""

    clocked = True

    def __init__(self, clock, rate=1.0):
        self.clock = clock
        self.rate = rate
        self.taken = 0
        self.begun = clock.now

    @property
    def waiting(self):
        passed = self.clock.ticks_diff(self.clock.now, self.begun) * self.rate
        return int(passed // 32 * 32 // 20) - self.taken

    def frame(self):
        if self.waiting < 1:
            return None
        self.taken += 1
        return bytes(FRAME)


def test_a_microphone_is_the_clock():
    for rate in (0.99, 1.0, 1.01):
        ends = Ends()
        ends.stream.audio = microphone = Microphone(ends.clock, rate)
        ends.start()
        packets = []
        for _ in range(100):
            packets += ends.run(200)
        assert abs(len(packets) - 1000 * rate) <= 4
        assert microphone.waiting <= 3
        assert set(steps(packets, 2)) == {160} and ends.stream.sender.skipped == 0


def test_a_microphone_smooths_what_dma_brings_in_lumps():
    ends = Ends()
    ends.stream.audio = Microphone(ends.clock)
    ends.start()
    ends.run(200)
    for _ in range(100):
        assert len(ends.run(20)) == 1


def test_what_a_microphone_lost_is_a_gap():
    ends = Ends()
    ends.stream.audio = microphone = Microphone(ends.clock)
    ends.start()
    before = ends.run(1000)
    microphone.rate = 0
    microphone.taken = 0
    assert ends.run(500) == []
    microphone.rate, microphone.begun = 1.0, ends.clock.now
    after = ends.run(200)
    (gap,) = steps(before[-1:] + after[:1], 2)
    assert 160 * 24 <= gap <= 160 * 29 and gap % 160 == 0 and after[0][0] == 1
