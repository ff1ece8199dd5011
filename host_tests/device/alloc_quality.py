"""Cases of alloc_proof.py: what statistics of RTP cost."""

from struct import pack_into

from uhep.rtpstats import RtpStats


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

    return step


CASES = (rtp_in_order, rtp_of_every_kind)
