"""Captures numbered lines and sends them over a real link: link_sender.py COUNT EVERY_MS

Runs under MicroPython and CPython. The first line of its input is the configuration as JSON.
Prints each status that the link has, a line each, and the agent's counters as JSON once
nothing waits, or after 20 s without progress.
"""

import json
import sys
import time

from uhep import LOG, OUT, Agent
from uhep.port import ticks_diff, ticks_ms

_PATIENCE_MS = 20000


def sleep_ms(ms):
    time.sleep(ms / 1000)


class Sender:
    def __init__(self, config):
        self.agent = Agent(config)
        self.flow = self.agent.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), kind=LOG)
        self.status = None

    def poll(self):
        n = self.agent.poll()
        if self.agent.link.status != self.status:
            self.status = self.agent.link.status
            print(self.status)
            if hasattr(sys.stdout, "flush"):
                sys.stdout.flush()
        return n

    def waiting(self):
        stats = self.agent.stats()
        return stats["waiting"] or stats.get("copy_waiting")

    def run(self, count, every_ms):
        for i in range(count):
            line = b"%06d" % i + b"x" * 500
            self.agent.capture(self.flow, OUT, line, len(line), b"c1@192.0.2.10")
            began = ticks_ms()
            while ticks_diff(ticks_ms(), began) < every_ms:
                self.poll()
                sleep_ms(1)
        progress = ticks_ms()
        while self.waiting():
            if self.poll():
                progress = ticks_ms()
            elif ticks_diff(ticks_ms(), progress) > _PATIENCE_MS:
                break
            sleep_ms(1)
        print(json.dumps(self.agent.stats()))
        self.agent.close()


Sender(json.loads(sys.stdin.readline())).run(int(sys.argv[1]), int(sys.argv[2]))
