"""Microseconds a packet on a board, by its own clock: the agent's work, and the naive encoder's.

PATH, a variable: native or bytecode. Prints one JSON object.
"""

import gc
import json
import sys
from time import ticks_diff, ticks_us

if globals()["PATH"] == "bytecode":
    sys.modules["uhep._native"] = None

from message import HERE, INVITE, KEY, NAME, NODE, THERE
from naive import encode
from sink import Sink
from uhep import OUT, Agent

_PACKETS = 20


def spent_us(step):
    """Of the cheapest of three rounds; what is collected between them is not counted."""
    rounds = []
    for _ in range(3):
        gc.collect()
        start = ticks_us()
        for _ in range(_PACKETS):
            step()
        rounds.append(ticks_diff(ticks_us(), start) / _PACKETS)
    return min(rounds)


agent = Agent(
    {
        "capture_address": "192.0.2.9:9060",
        "capture_id": NODE,
        "capture_name": NAME,
        "capture_password": KEY,
    },
    link=Sink(),
)
agent.clock.set(1767225600)
agent.poll()
flow = agent.flow(HERE, THERE)
buf = bytearray(INVITE)
size = len(buf)


def capture_poll():
    agent.capture(flow, OUT, buf, size)
    agent.poll()


def naive():
    encode(buf)


figures = {"capture_poll": spent_us(capture_poll), "naive": spent_us(naive)}
assert agent.stats()["sent"] == 3 * _PACKETS
machine_code = "uhep._plain" not in sys.modules
print(json.dumps({"machine_code": machine_code, "us": figures}))
