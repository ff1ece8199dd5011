"""A phone in a call, whose agent has a real link: link_sender.py COUNT EVERY_MS LAST [waits]

Runs under MicroPython and CPython. The first line of its input is the configuration as JSON.
Captures COUNT numbered lines, one every EVERY_MS; the LAST of them not before a connection has
broken. Prints each status that the link has, a line each, and the agent's counters as JSON
once nothing waits, or after 90 s without progress. With these:

turns: of the phone's loop. rtp: packets of sound, one due every 20 turns. rtp_late: the most
turns that one left after it was due. waits: how often a poll of the agent gave the processor
away, as what waits does (Linux; else None). "waits": a poll that does.
"""

import json
import sys
import time

from uhep import LOG, OUT, Agent
from uhep.port import ticks_diff, ticks_ms
from usip import net
from usip.audio import Audio
from usip.rtp import Stream

for name in ("ssl", "uhep.host", "uhep.dns"):  # which a poll would read from a file later
    try:
        __import__(name)
    except ImportError:
        pass

_PATIENCE_MS = 90000
_SWITCHES = "/proc/thread-self/status"


def sleep_ms(ms):
    time.sleep(ms / 1000)


def switches():
    """How often the kernel had nothing to do for us."""
    with open(_SWITCHES) as f:
        text = f.read()
    text = text[text.index("\nvoluntary_ctxt_switches:") + 25 :]
    return int(text[: text.index("\n")])


def read_from_disk():
    """How often a page of this program had to be: that waits too, and is nobody's fault."""
    with open("/proc/self/stat") as f:
        return int(f.read().rpartition(")")[2].split()[9])


class Agreed:
    host = "127.0.0.1"
    port = 9
    rtcp_port = payload = codec = 0
    event = None
    sends = receives = True


class Talk:
    """The sound of a call; its time are the turns of the loop, as milliseconds."""

    def __init__(self):
        self.turns = self.packets = self.late = 0
        self.sock = net.udp("127.0.0.1", 0)
        self.stream = Stream(self, lambda: False, Audio(), self)
        self.stream.start(net.resolve("127.0.0.1", 9), Agreed)

    def turn(self):
        self.stream.poll()
        self.turns += 1

    def sendto(self, packet, peer):
        self.late = max(self.late, self.turns - 20 * self.packets)
        self.packets += 1
        return self.sock.sendto(packet, peer)

    def ticks_ms(self):
        return self.turns

    def ticks_us(self):
        return 1000 * self.turns

    def ticks_add(self, a, b):
        return a + b

    def ticks_diff(self, a, b):
        return a - b


class Sender:
    def __init__(self, config):
        self.agent = Agent(config)
        self.flow = self.agent.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), kind=LOG)
        self.status = None
        self.broken = False
        self.talk = Talk()
        self.waits = 0
        try:
            switches()
            self.read = read_from_disk()
        except OSError:
            self.waits = None

    def turn(self):
        self.talk.turn()
        if self.waits is None:
            n = self.agent.poll()
        else:
            before = switches()
            n = self.agent.poll()
            self.waits += switches() - before
        if self.agent.link.status != self.status:
            self.status = self.agent.link.status
            self.broken = self.broken or "failed: " in self.status
            print(self.status)
            if hasattr(sys.stdout, "flush"):
                sys.stdout.flush()
        return n

    def waiting(self):
        stats = self.agent.stats()
        return stats["waiting"] or stats.get("copy_waiting") or stats.get("spool_waiting")

    def until_broken(self):
        began = ticks_ms()
        while not self.broken and ticks_diff(ticks_ms(), began) < _PATIENCE_MS:
            self.turn()
            sleep_ms(1)

    def run(self, count, every_ms, last):
        for i in range(count):
            if i == count - last:
                self.until_broken()
            line = b"%06d" % i + b"x" * 500
            self.agent.capture(self.flow, OUT, line, len(line), b"c1@192.0.2.10")
            began = ticks_ms()
            while ticks_diff(ticks_ms(), began) < every_ms:
                self.turn()
                sleep_ms(1)
        progress = ticks_ms()
        while self.waiting():
            if self.turn():
                progress = ticks_ms()
            elif ticks_diff(ticks_ms(), progress) > _PATIENCE_MS:
                break
            sleep_ms(1)
        found = dict(self.agent.stats())
        found["turns"] = self.talk.turns
        found["rtp"] = self.talk.packets
        found["rtp_late"] = self.talk.late
        found["waits"] = self.waits
        if self.waits:
            found["waits"] = max(0, self.waits - (read_from_disk() - self.read))
        print(json.dumps(found))
        self.agent.close()


sender = Sender(json.loads(sys.stdin.readline()))
if "waits" in sys.argv[4:]:
    poll = sender.agent.poll

    def slow():
        sleep_ms(2)
        return poll()

    sender.agent.poll = slow
sender.run(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
