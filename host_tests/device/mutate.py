"""Mutated messages through the scan and the framer. Runs under MicroPython only.

    micropython mutate.py MESSAGES SEED [plain]

Prints one JSON object: `captured` whole, `framed` from a stream, `recovered`: how often the
framer found the message after a batch, `batches`, `asked`: octets of memory asked for
(micropython.mem_total()). "plain": as in run.py.
"""

import gc
import json
import random
import sys
from struct import pack_into

import micropython

sys.path.insert(0, __file__.rpartition("/")[0])
if "plain" in sys.argv[3:]:
    # Modules without names: what is imported from them fails.
    sys.modules["uhep._native"] = sys.modules["uhep._lines"] = object()

from capture_doubles import CONFIG, Ticks
from rfc4475 import messages
from uhep import IN, TCP, Agent, framer, lines

_BATCH = 100

NEXT = b"OPTIONS sip:n SIP/2.0\r\nCall-ID: next\r\nContent-Length: 0\r\n\r\n"
# What parsers trip over.
OCTETS = b'\r\n\r\n\0 \t:;,-0129"<iIlLcCS/.\x80\xff\xed\x0d\x1f\x7f'
PIECES = (
    b"\r\n\r\n",
    b"\n\n",
    b"\r\n ",
    b"\nCall-ID:",
    b"\ni:",
    b"\nl:-1\r\n",
    b"\nContent-Length: 7\r\n",
    b"\nContent-Length: 99999999999\r\n",
    b"\nA b SIP/2.0\r\n",
    b"SIP/2.0 200 ",
    b"Content-Length\r\n :\r\n ",
)


class Sink:
    """Takes all packets and keeps none."""

    errors = refused = opened = unconfirmed = 0
    look = None

    def __init__(self):
        self.write = self._write

    def _write(self, buf, at, n):
        return n

    def open(self):
        return True


class Case:
    def __init__(self):
        self.agent = Agent(CONFIG, Ticks(), Sink())
        self.agent.clock.set(1767225600)
        self.agent._linked()
        self.flow = self.agent.flow(("192.0.2.1", 5060), ("192.0.2.2", 5060), TCP)
        self.framer = framer.Framer(self.take, headers=2048)
        self.framed = self.found = self.captured = self.recovered = 0
        self.buf = bytearray(5120)
        self.next = len(NEXT)

    def take(self, buf, n):
        assert 0 < n
        self.framed += 1
        self.found = n
        self.agent.capture(self.flow, IN, buf, n)

    def one(self, row):
        pack_into(row[1], self.buf, 0, row[0])
        n = len(row[0])
        self.times = random.getrandbits(3)
        while self.times:
            self.mutate(n)
        if not random.getrandbits(2):
            n = 1 + random.getrandbits(12) % n
        self.captured += self.agent.capture(self.flow, IN, self.buf, n)
        self.compare(n)
        self.stream(n)
        self.agent.poll()

    def mutate(self, n):
        self.times -= 1
        at = random.getrandbits(12) % n
        if random.getrandbits(2):
            self.buf[at] = OCTETS[random.getrandbits(8) % len(OCTETS)]
        else:
            at = random.getrandbits(8) % len(PIECES)
            pack_into(FORMS[at], self.buf, random.getrandbits(12) % n, PIECES[at])

    def compare(self, n):
        # Machine code and bytecode, where both are there.
        n = lines.header_end(self.buf, 0, n)
        if n:
            found = lines.content_length(self.buf, 0, n)
            assert framer.content_length(self.buf, 0, n) == found

    def stream(self, n):
        at = 0
        while at < n:
            k = min(n - at, 1 + random.getrandbits(11))
            self.framer.feed(self.buf, k, at)
            at += k
            self.agent.poll()

    def batch(self, rows):
        for i in range(_BATCH):
            self.one(rows[random.getrandbits(8) % len(rows)])
        self.framer.flush()
        self.found = 0
        self.framer.feed(NEXT, self.next)
        self.recovered += self.found == self.next
        while self.agent.poll():
            pass


FORMS = ["%ds" % len(p) for p in PIECES]
rows = [(m, "%ds" % len(m)) for _, m in messages()]
random.seed(int(sys.argv[2]))
case = Case()
case.batch(rows)  # makes what is made once
batches = int(sys.argv[1]) // _BATCH
gc.collect()
asked = micropython.mem_total()
for _ in range(batches):
    case.batch(rows)
asked = micropython.mem_total() - asked
print(
    json.dumps(
        {
            "batches": batches,
            "captured": case.captured,
            "framed": case.framed,
            "recovered": case.recovered,
            "asked": asked,
            "native": "uhep._plain" not in sys.modules,
        }
    )
)
