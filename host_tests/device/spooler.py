"""A device that spools, to be killed: micropython spooler.py HEP.json FIRST [live | trusting]

Captures lines of text with serial numbers from FIRST on, until somebody kills it. Prints
"ready", and for each block that is in flash the last serial number in it and how many packets
had to make room so far. `live`: captures three packets and ends with its counters, as JSON,
when everything has left. `trusting`: that, without checking what it reads from flash.
"""

import json
import sys
import time
from struct import unpack_from

from uhep import LOG, OUT, Agent, blocks, spool

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
PAD = bytes([i & 255 for i in range(1000)])

first = int(sys.argv[2])
mode = sys.argv[3] if len(sys.argv) > 3 else ""
store = spool.Spool.store


def told(self):
    last = first + self.spooled - 1
    done = store(self)
    if done and not mode:
        sys.stdout.write("%d %d\n" % (last, self.lost))
    return done


spool.Spool.store = told
if mode == "trusting":
    blocks.Blocks._crc = lambda self, end: unpack_from(">I", self.buf, 4)[0]

agent = Agent(sys.argv[1])
flow = agent.flow(*FLOW, kind=LOG)
print("ready")
serial = first
while True:
    if not mode or serial < first + 3:
        data = b"%08d" % serial + PAD[: 60 + serial * 37 % 800]
        agent.capture(flow, OUT, data, len(data))
        serial += 1
    agent.poll()
    time.sleep_us(200)
    if mode and serial == first + 3:
        stats = agent.stats()
        if not stats["waiting"] and not stats["spool_waiting"]:
            print(json.dumps(stats))
            break
