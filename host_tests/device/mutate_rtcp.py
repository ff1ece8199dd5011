"""Mutated RTCP and RTP through reports and statistics. Runs under MicroPython only.

    micropython mutate_rtcp.py COUNT

Prints one JSON object: reports `sent`, datagrams `refused`, RTP that was `strange`, octets of
memory `asked` for (None where the build can not tell).
"""

import gc
import json
import sys
from struct import pack_into

import micropython

sys.path.insert(0, __file__.rpartition("/")[0] if "__file__" in globals() else "/device")

from alloc_quality import REPORTS, Reported, packet
from alloc_sink import sink_agent
from uhep import IN


class Random:
    """The same numbers on every interpreter, none of 2^30."""

    def __init__(self):
        self.now = 12345

    def __call__(self, limit):
        self.now = (self.now * 241 + 7919) % 1048573
        return (self.now >> 3) % limit


class Mutations:
    def __init__(self):
        self.call = Reported(sink_agent())
        self.draw = Random()
        self.reports = [bytearray(report) for report in REPORTS]
        self.forms = ["%ds" % len(report) for report in REPORTS]
        self.rtp = packet()

    def one(self):
        k = self.draw(len(REPORTS))
        buf = self.reports[k]
        pack_into(self.forms[k], buf, 0, REPORTS[k])
        self.damage(buf, self.draw(4))
        n = len(buf)
        if not self.draw(4):
            n = self.draw(n + 1)
        self.call.one(IN, buf) if n == len(buf) else self.cut(buf, n)
        self.hear()
        if not self.draw(20):
            self.call.voice.report(False)
        self.call.agent.poll()

    def cut(self, buf, n):
        self.call.rtcp.capture(self.call.flow, IN, buf, n)

    def damage(self, buf, times):
        while times:
            times -= 1
            buf[self.draw(len(buf))] = self.draw(256)

    def hear(self):
        self.damage(self.rtp, 1)
        if self.draw(3):
            self.rtp[0] = 0x80
            pack_into(">HH", self.rtp, 8, 1, 2)
        self.call.now = (self.call.now + self.draw(60000)) & 0x1FFFFFFF
        self.call.stats.feed(self.rtp, self.draw(173), self.call.now)


def main(count):
    mutations = Mutations()
    total = getattr(micropython, "mem_total", None)
    for _ in range(20):
        mutations.one()
    gc.collect()
    asked = total and total()
    for _ in range(count):
        mutations.one()
    asked = total and total() - asked
    counts = mutations.call.rtcp.counts
    refused = sum([counts[k] for k in ("truncated", "length", "srtcp", "version", "rtp")])
    print(
        json.dumps(
            {
                "sent": counts["sent"],
                "refused": refused,
                "strange": mutations.call.stats.strange,
                "asked": asked,
            }
        )
    )


main(int(sys.argv[1]))
