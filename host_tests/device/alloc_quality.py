"""Cases of alloc_proof.py: what statistics of RTP and reports cost."""

from struct import pack_into

from rtcp_doubles import app, block, bye, chunk, padded, rr, sdes, sr, voip, xr
from uhep import IN, OUT
from uhep.rtcp import Rtcp
from uhep.rtpstats import RtpStats
from uhep.voice import Voice


def packet(ssrc=0xF2345678):
    buf = bytearray(172)
    pack_into(">BBHHHHH", buf, 0, 0x80, 0, 0, 0, 0, ssrc >> 16, ssrc & 0xFFFF)
    return buf


def rtp_in_order():
    """Timestamps and ticks wrap, sequence numbers too; the 32-bit values pass 2^30."""
    s = RtpStats()
    buf = packet()
    now = [0x3FFF0000, 65000, 0xFF00]

    def step():
        now[0] += 20011 if now[0] < 0x3FFF0000 else 20011 - 0x3FFFFFFF - 1
        now[1] = (now[1] + 1) & 0xFFFF
        now[2] = (now[2] + 160) & 0xFFFF
        pack_into(">HHH", buf, 2, now[1], 0xC000 | now[1], now[2])
        s.feed(buf, 172, now[0])
        s.look(now[0])

    return step


class Odd:
    """Lost, late, twice, discarded, holes, other sources, jumps, events, noise, garbage."""

    def __init__(self):
        self.stats = RtpStats()
        self.good, self.other = packet(), packet(0xFFFFFFFF)
        self.report = bytearray(32)
        self.now = 0x3FFF0000
        self.base = 65000

    def hear(self, buf, seq, kind):
        buf[1] = kind
        pack_into(">H", buf, 2, self.base + seq & 0xFFFF)
        pack_into(">HH", buf, 4, 0xFFFF, seq)
        self.now += 20011 if self.now < 0x3FFF0000 else 20011 - 0x3FFFFFFF - 1
        self.stats.feed(buf, 172, self.now)

    def step(self):
        self.hear(self.good, 0, 0)
        self.hear(self.good, 3, 128)
        self.hear(self.good, 1, 0)
        self.hear(self.good, 1, 101)
        self.hear(self.good, 150, 13)
        self.stats.discarded(3)
        self.hear(self.good, 20000, 0)
        self.hear(self.other, 5, 0)
        self.hear(self.good, 2999, 0)
        self.hear(self.other, 6, 0)
        self.hear(self.other, 7, 0)
        self.base = (self.base + 7) & 0xFFFF
        self.tell()

    def tell(self):
        s = self.stats
        s.feed(self.good, 5, self.now)
        s.sent_report(self.report, 8, self.now)
        s.block(self.report, 8, self.now)
        s.settle()
        s.jitter + s.mean_jitter_us + s.max_jitter_us + s.silent_ms + s.one_way + s.missing()
        s = s.bursts
        s.ratio() + s.burst_density() + s.gap_density() + s.burst_ms() + s.gap_ms() + s.bursts


def rtp_of_every_kind():
    odd = Odd()

    def step():
        odd.step()
        return 12

    return step


BIG = 0xFFFFFFFF
REPORTS = (
    sr(block(BIG, 255, -5, BIG, BIG, BIG, BIG), sec=BIG, frac=BIG, stamp=BIG),
    rr(block(1), block(2)) + rr(block(3)) + bye(1, BIG, reason=b"over"),
    sr() + sdes(chunk(BIG, (1, b"K\xc3\xb6ln \xff\0"), (6, b"uhep"))) + app(),
    rr(block(0x12345678, lsr=0x1234ABCD)) + xr(voip(BIG)),
    rr() + padded(xr(), b"\x07\0\0"),
    b"\x80\xc8\0",
    b"\x80\0" + bytes(170),
    sr()[:8] + bytes(41),
)


class Reports:
    def __init__(self, agent):
        self.agent = agent
        self.rtcp = Rtcp(agent)
        self.rtcp.cid = b"c1@192.0.2.10"
        self.flow = self.rtcp.flow(("192.0.2.10", 4001), ("192.0.2.20", 5001))
        self.at = 0

    def step(self):
        self.at = (self.at + 1) % len(REPORTS)
        self.one(IN, REPORTS[self.at])
        self.one(OUT, REPORTS[self.at])
        self.agent.poll()

    def one(self, way, report):
        self.rtcp.capture(self.flow, way, report, len(report))


def reports(agent, **config):
    made = Reports(agent(**config))
    for _ in range(len(REPORTS)):
        made.step()
    assert made.rtcp.counts["sent"] >= 6, made.rtcp.counts

    def step():
        made.step()
        return 2

    return step


class Reported(Reports):
    """RTP in, RTCP both ways, a rating, an XR block and a report of each direction."""

    def __init__(self, agent):
        super().__init__(agent)
        self.stats = RtpStats()
        ends = (("192.0.2.10", 4000), ("192.0.2.20", 5000))
        self.voice = Voice(agent, self.stats, self.rtcp, ends[0], ends[1])
        self.voice.sent = 100
        self.heard = packet()
        self.now = 0
        self.buf = bytearray(64)

    def step(self):
        super().step()
        self.now = (self.now + 21000) & 0x1FFFFFFF
        self.heard[3] = (self.heard[3] + 1 + self.at % 2) & 255
        self.stats.feed(self.heard, 172, self.now)
        self.voice.report(False)
        self.voice.voip(self.buf, 8)
        self.agent.poll()


def cases(agent):
    """The cases as functions; agent: makes one."""

    def rtcp_to_json():
        return reports(agent)

    def rtcp_to_json_with_senders():
        return reports(agent, rtcp_rr_compat=True)

    def rtcp_as_asterisk():
        return reports(agent, rtcp_style="asterisk")

    def a_call_with_reports():
        made = Reported(agent())
        for _ in range(10):
            made.step()
        assert made.rtcp.peer.heard and made.voice.mos

        def step():
            made.step()
            return 3

        return step

    return (
        a_call_with_reports,
        rtp_in_order,
        rtp_of_every_kind,
        rtcp_to_json,
        rtcp_to_json_with_senders,
        rtcp_as_asterisk,
    )
