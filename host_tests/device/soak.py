"""A million packets with everything on: soak.py COUNT [plain] KEY=VALUE...  For MicroPython.

Captures calls and registrations, sends them over a real connection, and reads them there.
The keys are the configuration's, their values JSON. Prints as JSON what gc.mem_alloc() was
after the first thousand packets and at the end, with nothing collected between, and the
agent's counters.
"""

import gc
import json
import socket
import sys

if "plain" in sys.argv[2:]:
    # Modules without names: what is imported from them fails.
    for name in ("native", "lines", "secrets", "hash"):
        sys.modules["uhep._" + name] = object()

from uhep import IN, OUT, Agent

V4 = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
HEAD = b"From: <sip:alice@h>;tag=1\r\nTo: <sip:bob@h>\r\nCall-ID: %s@192.0.2.10\r\nCSeq: 1 %s\r\n"
AUTH = b'Authorization: Digest username="alice", nonce="5f3a", response="6629fae49393a053"\r\n'
SDES = b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX|2^20\r\n"


def message(start, method, call, body=b"", more=b""):
    head = start + b"\r\n" + HEAD % (call, method) + more
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def traffic():
    """What is captured in turn: (way, octets)."""
    found = []
    for call in (b"c1", b"c2", b"c3", b"c4"):
        for start, method, body, more in (
            (b"INVITE sip:bob@h SIP/2.0", b"INVITE", SDES, AUTH),
            (b"SIP/2.0 100 Trying", b"INVITE", b"", b""),
            (b"SIP/2.0 200 OK", b"INVITE", SDES, b""),
            (b"ACK sip:bob@h SIP/2.0", b"ACK", b"", b""),
            (b"INFO sip:bob@h SIP/2.0", b"INFO", b"Signal=5", b"c: application/dtmf-relay\r\n"),
            (b"MESSAGE sip:bob@h SIP/2.0", b"MESSAGE", b"Where are you?", b""),
            (b"OPTIONS sip:bob@h SIP/2.0", b"OPTIONS", b"", b""),
            (b"PUBLISH sip:bob@h SIP/2.0", b"PUBLISH", b"", b""),
            (b"BYE sip:bob@h SIP/2.0", b"BYE", b"", AUTH),
            (b"SIP/2.0 200 OK", b"BYE", b"", b""),
        ):
            way = IN if start.startswith(b"SIP/") else OUT
            found.append((way, message(start, method, call, body, more)))
    return found


class Soak:
    def __init__(self, config):
        self.server = socket.socket()
        for port in range(21000, 60000, 7):
            try:
                self.server.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
                break
            except OSError:
                pass
        self.server.listen(2)
        config["capture_address"] = "127.0.0.1:%d" % port
        self.agent = Agent(config)
        if "status" in dir(self.agent) and self.agent.status.heap:
            self.agent.status.heap = gc.mem_free
        self.peer = None
        while not self.peer:
            self.agent.poll()
            if self.agent.stats()["connects"]:
                self.peer = self.server.accept()[0]
        self.peer.setblocking(False)
        self.buf = bytearray(8192)
        self.flow = self.agent.flow(*V4)
        self.other = self.agent.flow(V4[0], ("203.0.113.7", 5060))
        self.traffic = traffic()
        self.i = 0

    def run(self, count):
        """Every 500th packet the collector does not read for a while, and the ring overflows."""
        while count:
            way, text = self.traffic[self.i % len(self.traffic)]
            self.i += 1
            flow = self.flow if self.i % 7 else self.other
            self.agent.capture(flow, way, text, len(text))
            if self.i % 500 > 150:
                self.agent.poll()
                self.peer.readinto(self.buf)
            count -= 1

    def rest(self):
        """Lets all leave."""
        idle = 0
        while idle < 1000:
            idle = 0 if self.agent.poll() else idle + 1
            self.peer.readinto(self.buf)


config = {"transport": "tcp", "capture_id": 7, "queue_bytes": 8192, "status_s": 1}
for each in sys.argv[2:]:
    if each == "plain":
        continue
    key, value = each.split("=", 1)
    config[key] = json.loads(value)
soak = Soak(config)
soak.run(1000)
gc.collect()
gc.disable()
first = gc.mem_alloc()
soak.run(int(sys.argv[1]) - 1000)
last = gc.mem_alloc()
gc.enable()
soak.rest()
print(json.dumps({"first": first, "last": last, "stats": soak.agent.stats()}))
