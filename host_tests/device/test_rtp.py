"""lib/usip: the RTP stream and its u-law."""

import struct

from doubles import Clock, Network
from usip import g711, rtp


class Ends:
    """A stream, and the socket at its other end."""

    def __init__(self):
        self.clock = Clock()
        network = Network()
        self.far = network.socket("192.0.2.8", 7000)
        self.near = network.socket("192.0.2.2", 4000)
        self.stream = rtp.Stream(self.near, self.near.ready, b"\x11" * 160, self.clock)

    def run(self, ms, step=1):
        """Polls every `step` ms; (marker, sequence, timestamp) of what was sent."""
        for _ in range(ms // step):
            self.stream.poll()
            self.clock.pass_ms(step)
        packets = [data for data, _ in self.far.waiting]
        self.far.waiting.clear()
        for data in packets:
            assert len(data) == 172 and data[0] == 0x80 and data[1] & 0x7F == 0
            assert data[12:] == b"\x11" * 160
        return [(data[1] >> 7,) + struct.unpack(">HI", data[2:8]) for data in packets]

    def arrive(self, *sequence):
        for seq in sequence:
            self.far.sendto(
                b"\x80\x00" + struct.pack(">H", seq) + b"\x00" * 168, self.near.address
            )
            self.stream.poll()
        return self.stream.received, self.stream.lost


def steps(packets, field):
    size = 0x10000 if field == 1 else 0x100000000
    values = [packet[field] for packet in packets]
    return [(values[at] - values[at - 1]) % size for at in range(1, len(values))]


def test_a_packet_every_20_ms():
    ends = Ends()
    assert ends.run(100) == []
    ends.stream.start(ends.far.address)
    packets = ends.run(1000)
    assert len(packets) == ends.stream.sent == 50
    assert set(steps(packets, 1)) == {1} and set(steps(packets, 2)) == {160}
    assert [marker for marker, _, _ in packets] == [1] + [0] * 49


def test_a_slow_loop_does_not_drift():
    ends = Ends()
    ends.stream.start(ends.far.address)
    packets = ends.run(10010, step=13)
    assert len(packets) == 500 and ends.stream.skipped == 0
    assert set(steps(packets, 2)) == {160}


def test_what_is_too_late_is_skipped():
    ends = Ends()
    ends.stream.start(ends.far.address)
    ends.run(20)
    ends.clock.pass_ms(199)
    packets = ends.run(1)
    assert len(packets) == 3 and ends.stream.skipped == 7
    after = ends.run(20)
    assert after[0][0] == 1  # the gap is marked, and is one in time only
    assert steps(packets[-1:] + after, 1) == [1]
    assert steps(packets[-1:] + after, 2) == [160 * 8]


def test_sequence_and_timestamp_wrap():
    ends = Ends()
    ends.stream.start(ends.far.address)
    ends.stream._seq, ends.stream._stamp_high, ends.stream._stamp_low = 0xFFFE, 0xFFFF, 0xFFFF
    packets = ends.run(80)
    assert [seq for _, seq, _ in packets] == [0xFFFE, 0xFFFF, 0, 1]
    assert [stamp for _, _, stamp in packets] == [0xFFFFFFFF, 159, 319, 479]


def test_a_full_network_loses_packets_only():
    ends = Ends()
    ends.stream.start(ends.far.address)
    ends.near.failure = OSError(12)
    packets = ends.run(100)
    assert len(packets) == ends.stream.sent == 4
    ends.near.failure = OSError(111)
    ends.run(1)
    assert ends.arrive(5) == (1, 0)


def test_reception_is_counted():
    ends = Ends()
    ends.stream.start(ends.far.address)
    assert ends.arrive(65534, 65535, 0, 1) == (4, 0)
    assert ends.arrive(4) == (5, 2)
    assert ends.arrive(3) == (6, 1)
    for junk in (b"", b"\x80" * 11, b"\x00" * 172, b"\x80\x08" + b"\x00" * 170):
        ends.far.sendto(junk, ends.near.address)
        ends.stream.poll()
    assert ends.arrive() == (6, 1)


def test_each_call_starts_afresh():
    ends = Ends()
    ends.stream.start(ends.far.address)
    ends.arrive(10)
    ends.run(100)
    ends.stream.stop()
    assert ends.run(100) == []
    ends.arrive(11, 12)
    ends.stream.start(ends.far.address)
    assert ends.arrive(5000) == (2, 0)


def decoded(code):
    """The sample that a u-law byte stands for (G.711 table 2a)."""
    code = ~code & 255
    value = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return -value if code & 0x80 else value


def test_ulaw():
    for code in range(256):
        # Both zeros decode to 0, which is coded as 0xff.
        assert g711.ulaw(decoded(code)) == (0xFF if code == 0x7F else code), code
    assert g711.ulaw(32767) == 0x80 and g711.ulaw(-32768) == 0


def test_tone():
    frame = g711.tone(400)
    assert len(frame) == 160
    assert frame[0] == g711.ulaw(0) and frame[5] == g711.ulaw(8000)
    assert frame[:20] == frame[20:40] == frame[140:]  # 20 samples a period, a whole number of them
    assert frame != g711.tone(800)
