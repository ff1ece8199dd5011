"""Captures messages with the agent, under MicroPython: micropython send.py plan

The plan holds a line of JSON for the configuration, then one for each capture: {local, remote,
proto, kind, out, payload, cid}, payload and cid in hex. Each is on its way before the next is
captured. Prints the agent's statistics as JSON.
"""

import json
import sys
import time

from uhep import IN, OUT, Agent

_PATIENCE_MS = 10000


def send(agent, each):
    flow = agent.flow(
        tuple(each["local"]), tuple(each["remote"]), proto=each["proto"], kind=each["kind"]
    )
    payload = bytes.fromhex(each["payload"])
    cid = None if each["cid"] is None else bytes.fromhex(each["cid"])
    if agent.capture(flow, OUT if each["out"] else IN, payload, len(payload), cid):
        began = time.ticks_ms()
        while not agent.poll():
            if time.ticks_diff(time.ticks_ms(), began) > _PATIENCE_MS:
                sys.exit(f"the agent has not sent a packet in {_PATIENCE_MS} ms")
            time.sleep_ms(1)


with open(sys.argv[1]) as plan:
    agent = Agent(json.loads(plan.readline()))
    for line in plan:
        send(agent, json.loads(line))
print(json.dumps(agent.stats()))
