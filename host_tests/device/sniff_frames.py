"""Runs the sniffer over frames: INTERPRETER sniff_frames.py FILE [MUTATIONS SEED]

FILE: a JSON object, `settings` that differ from the defaults, `ethernet`, and `frames`, a list of
hex; a number among them lets so many ms pass. Prints one JSON object: `found`, each packet that
was captured as [source, port, destination, port, protocol, type, correlation id, payload], octets
in hex; `counts`; with mutations `most`, the most octets that were in use after a batch.
"""

import gc
import json
import random
import sys

sys.path.insert(0, __file__.rpartition("/")[0])

import sniffer
from capture_doubles import agent, drain, field
from doubles import Clock

_BATCH = 200
SETTINGS = {
    "name": "sniffer",
    "interface": "eth0",
    "ports": [5060],
    "content": True,
    "rtcp": True,
    "streams": 4,
    "message_bytes": 4096,
    "frame_bytes": 4608,
    "quit_after_ms": 0,
}


class Socket:
    """Never has a frame: they are given to `take`."""

    def fileno(self):
        return 0


def row(packet):
    kinds = (3, 7, 4, 8) if field(packet, 3) else (5, 7, 6, 8)
    ends = [field(packet, kind).hex() for kind in kinds]
    cid = field(packet, 17)
    return ends + [
        field(packet, 2)[0],
        field(packet, 11)[0],
        cid.decode() if cid else None,
        field(packet, 15).hex(),
    ]


def mutated(frame):
    frame = bytearray(frame)
    for _ in range(1 + random.getrandbits(2)):
        at = random.getrandbits(12) % len(frame)
        if random.getrandbits(1):  # headers are what matters
            at %= 80
            at %= len(frame)
        frame[at] = random.getrandbits(8)
    if not random.getrandbits(2):
        return bytes(frame[: random.getrandbits(12) % len(frame)])
    return bytes(frame)


def main(path, mutations=0, seed=0):
    with open(path) as file:
        plan = json.load(file)
    settings = dict(SETTINGS)
    settings.update(plan["settings"])
    clock = Clock(0)
    config = {"capture_address": "192.0.2.99:9060", "queue_bytes": 16384}
    # The machine's clock would ask the socket: net.ready is not needed either.
    sniffer.net.ready = lambda sock: lambda: False
    a = agent(**config)
    a.link.address = config["capture_address"]
    it = sniffer.Sniffer(settings, a, Socket(), plan["ethernet"], clock)
    frames = [f if isinstance(f, int) else bytes.fromhex(f) for f in plan["frames"]]
    found = []
    most = 0
    random.seed(int(seed))
    for number in range(int(mutations) or len(frames)):
        frame = frames[number % len(frames)]
        if isinstance(frame, int):
            clock.pass_ms(frame)
        else:
            it.take(mutated(frame) if mutations else frame)
        it.poll()
        packets = drain(a)
        if not mutations:
            found += [row(packet) for packet in packets]
        elif number % _BATCH == 0:
            clock.pass_ms(1000)
            gc.collect()
            most = max(most, gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0)
            if number == 10 * _BATCH:
                early = most
    if mutations:
        print(json.dumps({"counts": it.counts(), "most": most, "early": early}))
    else:
        json.dump({"found": found, "counts": it.counts()}, sys.stdout)


main(*sys.argv[1:])
