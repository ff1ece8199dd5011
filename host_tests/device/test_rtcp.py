"""lib/usip: RTCP: what is sent and when, what is understood."""

import struct

from doubles import Clock, Network
from usip.rtcp import Rtcp
from usip.sender import Sender


class Stats:
    """What Rtcp asks of RtpStats."""

    heard = False
    reports = ()

    def block(self, buf, at, ticks):
        struct.pack_into("24s", buf, at, b"B" * 24)

    def sent_report(self, buf, at, ticks):
        self.reports += (bytes(buf[at : at + 8]),)


class Ends:
    def __init__(self):
        self.clock = Clock()
        network = Network()
        self.far = network.socket("192.0.2.8", 7001)
        self.near = network.socket("192.0.2.2", 4001)
        self.sender = Sender(network.socket("192.0.2.2", 4000))
        self.sender.retarget(("192.0.2.8", 7000))
        self.sender.code(0, 0, None)
        self.stats = Stats()
        self.rtcp = Rtcp(self.near, self.near.ready, self.clock, "201@192.0.2.2", self.sender)

    def start(self):
        self.rtcp.start(self.far.address, self.stats)

    def run(self, ms, step=20):
        """[(when in ms, datagram)] of what was sent."""
        came = []
        for at in range(0, ms, step):
            self.rtcp.poll()
            came += [(at, data) for data, _ in self.far.waiting]
            self.far.waiting.clear()
            self.clock.pass_ms(step)
        return came

    def arrive(self, data):
        self.far.sendto(data, self.near.address)
        self.rtcp.poll()


def parts(data):
    """{type: (count, body)} of a compound whose lengths add up."""
    found = {}
    at = 0
    while at < len(data):
        first, kind, words = struct.unpack_from(">BBH", data, at)
        assert first >> 6 == 2 and not first & 0x20
        found[kind] = (first & 31, data[at + 4 : at + 4 + 4 * words])
        at += 4 + 4 * words
    assert at == len(data)
    return found


def test_a_receiver_report_and_who_we_are():
    ends = Ends()
    assert ends.run(10000) == []
    ends.start()
    (when, data) = ends.run(6000)[0]
    assert 1000 <= when <= 3100
    found = parts(data)
    ssrc = struct.pack(">HH", ends.sender.ssrc_high, ends.sender.ssrc_low)
    assert found[201] == (0, ssrc)
    count, chunk = found[202]
    assert count == 1 and chunk[:4] == ssrc and len(chunk) % 4 == 0
    assert chunk[4:6] == b"\x01\x0d" and chunk[6:19] == b"201@192.0.2.2"
    assert chunk[19:] == bytes(len(chunk) - 19) and len(chunk) > 19
    ends.stats.heard = True
    data = ends.run(8000)[-1][1]
    assert parts(data)[201] == (1, ssrc + b"B" * 24)


def test_a_sender_report():
    ends = Ends()
    ends.stats.heard = True
    ends.start()
    for _ in range(5):
        ends.sender.frame(None)
    stamp = (ends.sender.stamp_high << 16) + ends.sender.stamp_low
    when, data = ends.run(6000)[0]
    count, body = parts(data)[200]
    assert count == 1 and body[-24:] == b"B" * 24
    seconds, fraction, rtp, packets, octets = struct.unpack(">IIIII", body[4:24])
    # The clock said 1767225600.5 when the call began.
    us = 500000 + when * 1000
    assert seconds == 1767225600 + 2208988800 + us // 1000000
    assert abs(fraction - us % 1000000 * 4294.967296) < 70000
    assert (rtp, packets, octets) == (stamp, 5, 800)
    assert 201 in parts(ends.run(8000)[-1][1])  # nothing was sent since


def test_the_next_call_counts_from_0():
    """Its stream has another SSRC, and an SR counts that one's packets (RFC 3550 6.4.1)"""
    ends = Ends()
    ends.sender.octets = 0x1FFFFF00  # they wrap
    for call in (1, 2, 3):
        ends.sender.anew()
        ends.start()
        for _ in range(call):
            ends.sender.frame(None)
        ((_, data),) = ends.run(3200)[:1]
        body = parts(data)[200][1]
        assert struct.unpack(">II", body[16:24]) == (call, call * 160)
        ends.rtcp.stop()
        ends.far.waiting.clear()
    assert ends.sender.sent == 6


def test_the_interval_is_five_seconds_and_not_the_same_each_time():
    ends = Ends()
    ends.start()
    times = [when for when, _ in ends.run(600000)]
    gaps = [times[at] - times[at - 1] for at in range(1, len(times))]
    assert min(gaps) >= 2040 and max(gaps) <= 6180
    assert 3500 < sum(gaps) // len(gaps) < 4700
    assert len(set(gaps)) > 20


def test_bye():
    ends = Ends()
    ends.start()
    ends.rtcp.stop()
    ((data, _),) = ends.far.waiting
    count, body = parts(data)[203]
    assert count == 1 and body == struct.pack(">HH", ends.sender.ssrc_high, ends.sender.ssrc_low)
    assert data[1] == 201  # a compound begins with a report
    ends.far.waiting.clear()
    ends.rtcp.stop()
    assert ends.run(20000) == []


def test_what_comes_after_the_end_is_not_of_the_next_call():
    ends = Ends()
    ends.start()
    ends.rtcp.stop()
    ends.arrive(report(201) + b"\x81\xcb\0\1\0\0\0\7")
    assert not ends.near.waiting
    ends.start()
    ends.rtcp.poll()
    assert not ends.rtcp.left and ends.rtcp.received == 0


def block(ends, lost=3, fraction=7, jitter=12, lsr=0, dlsr=0):
    ssrc = struct.pack(">HH", ends.sender.ssrc_high, ends.sender.ssrc_low)
    rest = struct.pack(">IIIII", fraction << 24 | lost & 0xFFFFFF, 99, jitter, lsr, dlsr)
    return ssrc + rest


def report(kind, *blocks, sent=b""):
    body = b"\0\0\0\7" + sent + b"".join(blocks)
    return struct.pack(">BBH", 0x80 | len(blocks), kind, len(body) // 4) + body


def test_what_the_peer_says_of_us():
    ends = Ends()
    ends.start()
    assert ends.rtcp.remote_lost == ends.rtcp.rtt_ms == -1
    other = b"\0\0\0\1" + bytes(20)
    ends.arrive(report(201, other, block(ends)))
    rtcp = ends.rtcp
    assert (rtcp.remote_fraction, rtcp.remote_lost, rtcp.remote_jitter) == (7, 3, 12)
    ends.arrive(report(201, block(ends, lost=-2)))
    assert rtcp.remote_lost == -2 and rtcp.rtt_ms == -1
    ends.arrive(report(200, block(ends, jitter=0xFFFFFFFF), sent=b"12345678" + bytes(12)))
    assert ends.stats.reports == (b"12345678",) and rtcp.remote_jitter == 0x1FFFFFFF
    assert rtcp.received == 3 and rtcp.invalid == 0 and not rtcp.left


def test_what_follows_the_blocks_is_none():
    ends = Ends()
    ends.start()
    other = b"\0\0\0\1" + bytes(20)
    for kind, sent in ((200, bytes(20)), (201, b"")):
        data = report(kind, other, block(ends), sent=sent)
        ends.arrive(b"\x81" + data[1:])
    assert ends.rtcp.received == 2 and ends.rtcp.remote_fraction == -1


def test_the_round_trip():
    ends = Ends()
    ends.start()
    ends.sender.frame(None)
    when, data = ends.run(4000)[0]
    lsr = struct.unpack(">I", data[10:14])[0]
    ends.clock.pass_ms(when)  # so that we are 4000 ms after it
    ends.arrive(report(201, block(ends, lsr=lsr, dlsr=65536 * 3)))
    assert abs(ends.rtcp.rtt_ms - 1000) <= 1
    ends.rtcp.rtt_ms = -1
    ends.arrive(report(201, block(ends, lsr=lsr, dlsr=65536 * 30)))  # before it was sent
    assert ends.rtcp.rtt_ms == -1


def test_the_end_and_nonsense():
    ends = Ends()
    ends.start()
    good = report(201) + struct.pack(">BBHI", 0x81, 203, 1, 7)
    for junk in (
        b"",
        b"\x80\xc9",
        b"\x40" + good[1:],
        good[:-1],
        good + b"\0" * 8,
        struct.pack(">BBHI", 0x81, 203, 1, 7),  # does not begin with a report
        struct.pack(">BBHI", 0x9F, 200, 1, 7),
        struct.pack(">BBHI", 0x80, 201, 0xFFFF, 7),
    ):
        ends.arrive(junk)
        assert not ends.rtcp.left
    assert ends.rtcp.invalid >= 6
    ends.arrive(good)
    assert ends.rtcp.left
    ends.near.failure = OSError(111)
    ends.rtcp.poll()
    ends.rtcp.stop()
    ends.start()
    assert not ends.rtcp.left
