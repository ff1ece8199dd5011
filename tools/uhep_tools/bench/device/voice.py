"""What statistics of RTP and RTCP as JSON cost, beside a bare read of the packet.

micropython voice.py ROUNDS

Prints one JSON object as cost.py does. A round is 50 packets, sent before it is timed.
"""

import gc
import json
import sys
from struct import pack_into
from time import ticks_diff, ticks_us

import micropython
from message import HERE, THERE
from receiver import address, sender
from subjects import Sink
from uhep import OUT, Agent
from uhep.rtcp import Rtcp
from uhep.rtpstats import RtpStats

_PACKETS = 50
_OCTETS = 172  # 20 ms of G.711
_REPORT = (
    b"\x81\xc8\0\x0c\x12\x34\x56\x78\xed\0\x37\x80\x1f\x9a\xcf\xfa\0\x02\x71\0\0\0\x03\xe8"
    b"\0\x02\x71\0\x87\x65\x43\x21\x0c\0\0\x07\0\x01\x03\xe8\0\0\0\x28\x90\0\x10\0\0\x01\0\0"
)


class Line:
    """A socket that RTP comes to, and the numbers of the packets."""

    def __init__(self):
        self.sock = sender()
        self.sock.setblocking(False)
        port = 20000
        while port:
            try:
                self.sock.bind(address(port))
                break
            except OSError:
                port += 7
        self._from = sender(port)
        self.buf = bytearray(_OCTETS)
        self.packet = bytearray(b"\x80\0" + bytes(6) + b"\xf1\x22\x33\x44" + bytes(160))
        self._seq = 0

    def fill(self, n):
        while n:
            n -= 1
            self._seq = (self._seq + 1) & 0xFFFF
            pack_into(">HHH", self.packet, 2, self._seq, 0xF000, self._seq)
            self._from.write(self.packet, 0, _OCTETS)


def read(line):
    def run(n):
        for _ in range(n):
            line.sock.readinto(line.buf)

    return run


def read_and_feed(line, stats):
    def run(n):
        for _ in range(n):
            line.sock.readinto(line.buf)
            stats.feed(line.buf, _OCTETS, ticks_us())

    return run


def feed(line, stats):
    def run(n):
        for _ in range(n):
            stats.feed(line.buf, _OCTETS, ticks_us())

    return run


def rtcp(line, agent):
    captured = Rtcp(agent)
    captured.cid = b"c1@192.0.2.10"
    flow = captured.flow(HERE, THERE)

    def run(n):
        for _ in range(n):
            captured.capture(flow, OUT, _REPORT, 52)
            agent.poll()

    return run


def agent():
    made = Agent({"capture_address": "127.0.0.1:9", "capture_id": 1}, link=Sink())
    made.poll()
    return made


def grown(run, line, measure):
    line.fill(_PACKETS)
    gc.collect()
    gc.disable()
    a = measure()
    run(0)
    b = measure()
    run(_PACKETS)
    c = measure()
    gc.enable()
    return (c - b - (b - a)) / _PACKETS


def locked(run, line):
    line.fill(_PACKETS)
    micropython.heap_lock()
    try:
        run(_PACKETS)
    except MemoryError:
        return False
    finally:
        micropython.heap_unlock()
    return True


def main():
    line = Line()
    runs = {
        "read": read(line),
        "rtp": read_and_feed(line, RtpStats()),
        "rtp_only": feed(line, RtpStats()),
        "rtcp": rtcp(line, agent()),
    }
    found = {name: {"round_us": []} for name in runs}
    for _ in range(int(sys.argv[1])):
        for name in ("read", "rtp", "rtp_only", "rtcp"):
            if name in ("read", "rtp"):
                line.fill(_PACKETS)
            gc.collect()
            start = ticks_us()
            runs[name](_PACKETS)
            found[name]["round_us"].append(ticks_diff(ticks_us(), start))
    for name in runs:
        found[name]["mem_total"] = grown(runs[name], line, micropython.mem_total)
        found[name]["mem_alloc"] = grown(runs[name], line, gc.mem_alloc)
        found[name]["heap_lock"] = locked(runs[name], line)
    print(json.dumps({"packets": _PACKETS, "octets": _OCTETS, "subjects": found}))


main()
