"""RTP receive statistics: what RFC 3550 and RFC 3611 say of streams made by hand."""

from struct import pack, unpack_from

from uhep.bursts import Bursts, share
from uhep.rtpstats import RtpStats

WRAP = 0x3FFFFFFF


def rtp(seq, ts=None, ssrc=0xF1223344, pt=0, marker=0):
    ts = seq * 160 if ts is None else ts
    head = pack(">BBHI", 0x80, marker << 7 | pt, seq & 0xFFFF, ts & 0xFFFFFFFF)
    return head + pack(">HH", ssrc >> 16, ssrc & 0xFFFF) + b"\xff" * 160


class Stream:
    """A stream of 20 ms packets that begins shortly before ticks and timestamps wrap."""

    def __init__(self, **more):
        self.stats = RtpStats(**more)
        self.us = WRAP - 50000

    def hear(self, seq, after_us=20000, **more):
        self.us += after_us
        packet = rtp(seq, **more)
        return self.stats.feed(packet, len(packet), self.us & WRAP)

    def hear_all(self, seqs, **more):
        for seq in seqs:
            assert self.hear(seq, **more)
        return self.stats

    def block(self):
        buf = bytearray(26)
        self.stats.block(buf, 1, self.us & WRAP)
        assert buf[0] == buf[25] == 0
        ssrc, lost, highest, jitter, lsr, dlsr = unpack_from(">IIIIII", buf, 1)
        lost, fraction = lost & 0xFFFFFF, lost >> 24
        return ssrc, fraction, lost - (lost >> 23 << 24), highest, jitter, lsr, dlsr


def test_nothing_heard():
    stream = Stream()
    assert stream.block() == (0,) * 7
    s = stream.stats
    assert (s.heard, s.expected, s.lost, s.missing(), s.bursts.total) == (False, 0, 0, 0, 0)


def test_in_order_across_every_wrap():
    stream = Stream()
    s = stream.hear_all(range(65530, 65530 + 400))
    assert (s.expected, s.received, s.lost, s.reordered, s.duplicates) == (400, 400, 0, 0, 0)
    assert (s.jitter_us, s.max_jitter_us, s.max_delta_us) == (0, 0, 20000)
    assert stream.block() == (0xF1223344, 0, 0, 65530 + 399, 0, 0, 0)


def test_loss_and_its_fraction_since_the_last_block():
    stream = Stream()
    stream.hear_all([n for n in range(100) if n % 10 != 5])
    assert stream.block()[1:4] == (25, 10, 99)
    stream.hear_all(range(100, 200))
    assert stream.block()[1:4] == (0, 10, 199)
    stream.hear_all([202, 203])
    assert stream.block()[1:4] == (128, 12, 203)


def test_duplicates_make_the_loss_negative():
    stream = Stream()
    s = stream.hear_all([0, 1, 2, 2, 1, 3, 3])
    assert (s.lost, s.duplicates, s.reordered, s.missing()) == (-3, 3, 0, 0)
    assert stream.block()[1:4] == (0, -3, 3)


def test_reordered_is_not_lost():
    stream = Stream()
    s = stream.hear_all([0, 1, 4, 3, 2, 5, 65535])
    assert (s.reordered, s.duplicates, s.lost) == (3, 0, -1)  # one from before the first
    s.settle()
    assert (s.bursts.total, s.bursts.lost) == (7, 0)


def test_jitter_as_in_the_rfc():
    stream = Stream()
    want = 0
    for n in range(300):
        early = (n * 7919) % 9000
        assert stream.hear(n, 20000 + early - ((n - 1) * 7919 % 9000 if n else 0))
        if n:
            want += (abs(early - (n - 1) * 7919 % 9000) - want) / 16
    s = stream.stats
    assert abs(s.jitter_us - want) < 2
    assert s.jitter == s.jitter_us * 8 // 1000 == stream.block()[4]
    assert s.mean_jitter_us <= s.max_jitter_us


def test_other_clocks():
    for hz in (8000, 11025, 16000, 22050, 44100, 48000, 90000, 96000):
        stream = Stream(clock_hz=hz)
        for n in range(100):
            assert stream.hear(n, 20000 + n % 2 * 1600, ts=n * hz // 50)
        # Each packet comes 1.6 ms later than it should, or not: a mean of 0.8.
        assert abs(stream.stats.jitter_us - 800) < 100, hz
        assert abs(stream.stats.jitter - stream.stats.jitter_us * hz // 1000000) <= 1
    for hz in (0, -8000, 7919, 1 << 30):
        try:
            RtpStats(hz)
        except ValueError as e:
            assert "clock_hz" in str(e)
        else:
            assert False, hz


def test_events_noise_and_markers_are_no_jitter():
    stream = Stream()
    s = stream.hear_all(range(50))
    for n in range(50, 60):  # a key of 200 ms: its timestamp stands still
        assert stream.hear(n, ts=50 * 160, pt=101)
    assert stream.hear(60)
    assert stream.hear(61, 500, pt=13)
    assert stream.hear(62, 3000000)  # the silence ends late
    assert stream.hear(63, 25000, marker=1)
    assert (s.jitter_us, s.max_delta_us) == (0, 220000)
    assert stream.hear(64, 21600)
    assert s.jitter_us == 100
    assert stream.hear(65, ts=123456789)  # set anew
    assert stream.hear(66, ts=123456789 + 160)
    assert (s.received, s.lost) == (67, 0) and s.jitter_us < 100


def test_another_source_is_believed_from_its_second_packet_on():
    stream = Stream()
    s = stream.hear_all([0, 1, 3])
    assert not stream.hear(500, ssrc=7)
    assert s.strange == 1 and stream.block()[0] == 0xF1223344
    assert not stream.hear(900, ssrc=8) and stream.hear(4)
    assert not stream.hear(5000, ssrc=7)
    assert stream.hear(5001, ssrc=7)
    assert (s.ssrc_changes, s.restarts, s.strange) == (1, 0, 2)
    assert stream.block()[:4] == (7, 0, 0, 5001)
    assert stream.hear(5003, ssrc=7)
    assert (s.expected, s.received) == (4, 3)
    assert (s.total_expected(), s.total_received(), s.missing()) == (9, 7, 2)


def test_numbers_that_jump():
    stream = Stream()
    s = stream.hear_all([0, 1, 2])
    assert not stream.hear(30000) and stream.hear(3)
    assert not stream.hear(30001) and stream.hear(30002)
    assert (s.restarts, s.ssrc_changes, s.total_expected(), s.missing()) == (1, 0, 6, 0)
    stream.hear_all([30002 + 2999])  # a hole of 60 s is a hole
    assert s.lost == 2998


def test_no_rtp():
    stream = Stream()
    good = rtp(1)
    for packet in (b"", good[:11], b"\0" + good[1:], b"\xc0" + good[1:], b"\x80\xc8" + good[2:]):
        assert not stream.stats.feed(packet, len(packet), 0)
    assert (stream.stats.invalid, stream.stats.heard) == (5, False)


def test_last_sender_report():
    stream = Stream()
    stream.hear_all(range(10))
    stream.stats.sent_report(b"??\xeb\x01\xf2\x34\xc5\x67\x89\xab", 2, stream.us & WRAP)
    stream.us += 2500000
    assert stream.block()[5:] == (0xF234C567, 0x28000)
    for _ in range(10):
        stream.us += 400000000
        stream.stats.look(stream.us & WRAP)
    assert stream.block()[5:] == (0xF234C567, (4002 << 16) + 0x8000)
    for _ in range(160):
        stream.us += 400000000
        stream.stats.look(stream.us & WRAP)
    assert stream.block()[5:] == (0, 0)  # no longer than DLSR can say


def test_one_way():
    stream = Stream(one_way_ms=3000)
    s = stream.stats
    s.look(stream.us & WRAP)
    stream.us += 2999000
    s.look(stream.us & WRAP)
    assert (s.silent_ms, s.one_way) == (2999, False)
    stream.us += 1000
    s.look(stream.us & WRAP)
    assert s.one_way
    stream.hear(0)
    assert not s.one_way
    for _ in range(1000):
        stream.us += 500000000
        s.look(stream.us & WRAP)
    assert s.one_way and 86400000 <= s.silent_ms < 86401000
    stream.hear(1, pt=13)
    stream.us += 60000000
    s.look(stream.us & WRAP)
    assert not s.one_way  # it said that it would be quiet


def test_a_hold_is_not_one_way():
    stream = Stream(one_way_ms=3000)
    s = stream.stats
    stream.hear_all(range(10))
    s.expect(False, stream.us & WRAP)
    stream.us += 16000000
    s.look(stream.us & WRAP)
    assert not s.one_way
    s.expect(True, stream.us & WRAP)
    assert (s.silent_ms, s.one_way) == (0, False)
    stream.us += 2999000
    s.expect(True, stream.us & WRAP)  # another change of the call
    assert (s.silent_ms, s.one_way) == (2999, False)
    stream.hear(10)
    assert s.max_delta_us == 20000
    stream.us += 3000000
    s.look(stream.us & WRAP)
    assert s.one_way


def bursts(text):
    """The Bursts of a stream written as one character a packet: x came, . did not, o was
    discarded."""
    b = Bursts()
    seq = 65500
    b.begin(seq)
    last = seq
    for c in text[1:]:
        seq += 1
        if c in "xo":
            b.ahead(seq & 0xFFFF, seq - last)
            last = seq
        if c == "o":
            b.discard(seq & 0xFFFF, 1)
    b.settle(seq & 0xFFFF)
    return b


def test_bursts_and_gaps():
    b = bursts("x" * 40)
    assert (b.total, b.lost, b.bursts, b.gap_ms(), b.burst_ms()) == (40, 0, 0, 800, 0)
    # Singles with 16 good ones on each side are no burst.
    b = bursts(("x" * 16 + ".") * 20 + "x")
    assert (b.total, b.lost, b.losses, b.bursts) == (341, 20, 20, 0)
    assert (b.gap_density(), b.burst_density()) == (20 * 256 // 341, 0)
    # With 15 they are one burst, from the first to the last.
    b = bursts(("x" * 15 + ".") * 20 + "x")
    assert (b.bursts, b.burst_packets(), b.burst_lost()) == (1, 305, 20)
    assert b.burst_density() == 20 * 256 // 305
    # RFC 3611 4.7.2's own: a burst, a gap with one lost, a burst. A discard is as lost.
    b = bursts("x" * 30 + "..xo" + "x" * 20 + "." + "x" * 30 + ".xxx..x." + "x" * 200)
    assert (b.bursts, b.burst_packets(), b.burst_lost(), b.lost) == (2, 12, 7, 8)
    assert (b.burst_density(), b.burst_ms()) == (7 * 256 // 12, 6 * 20)
    assert b.gap_ms() == (b.total - 12) * 20 // 2
    assert b.losses == 6


def test_holes_larger_than_the_window():
    for hole in (100, 127, 128, 129, 130, 300, 2998):
        b = bursts("x" * 200 + "." * hole + "x" * 200)
        assert (b.total, b.lost, b.losses, b.bursts) == (400 + hole, hole, 1, 1), hole
        assert b.burst_packets() == hole and b.burst_density() == 255


def test_burst_ratio():
    assert bursts("x" * 100).ratio() == 100
    assert bursts(("x" * 19 + ".") * 50 + "x").ratio() == 100  # spread evenly: no less
    assert bursts(("x" * 95 + "." * 5) * 50 + "x").ratio() == 475  # 5 x (1 - 0.05)


def test_share_stays_below_2_to_30():
    assert share(1, 3, 256) == 85
    assert share(0, 0, 256) == 0
    for a, b in ((1 << 28, 1 << 29), (123456789, 987654321), (1 << 29, 1 << 29)):
        assert abs(share(a, b, 1000) - a * 1000 // b) <= 1
