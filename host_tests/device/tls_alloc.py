"""What 1,000 packets over a real TLS connection cost of MicroPython's heap, as JSON.

Runs under MicroPython's unix port. The first line of its input is the configuration.
"""

import gc
import json
import sys

import micropython
from uhep import LOG, OUT, Agent

agent = Agent(json.loads(sys.stdin.readline()))
flow = agent.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), kind=LOG)
line = b"x" * 600


def run(n):
    for _ in range(n):
        agent.capture(flow, OUT, line, 600, b"c1@192.0.2.10")
        while not agent.poll():
            pass


run(20)
gc.collect()
gc.disable()
net = gc.mem_alloc()
asked = micropython.mem_total()
run(1000)
asked = micropython.mem_total() - asked
net = gc.mem_alloc() - net
print(json.dumps({"net": net, "asked": asked, "status": agent.link.status}))
agent.close()
