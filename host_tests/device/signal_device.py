"""A device without audio, for tests with real peers: a user agent with the capture agent tapped.

    micropython signal_device.py '{"port": 5060, "collector": "127.0.0.1:9060", ...}'

It does what each line of its input says, and prints each transition. At `quit` it hangs up,
unregisters and ends with its counts as one line of JSON. `pace` lets its clock run so many
times faster than that of its peers.
"""

import gc
import json
import select
import sys
import time

from uhep import Agent

# Its ring comes before all other code, while the heap is in one piece.
settings = json.loads(sys.argv[1])
capture = Agent({"capture_address": settings["collector"], "capture_id": 7, "queue_bytes": 8192})

# ruff: noqa: E402
from uhep.tap import tap
from usip import net
from usip.account import Account
from usip.agent import UserAgent
from usip.media import Media
from usip.transport import Transport

if settings.get("tcp"):
    from uhep import stream
    from usip.tcp import Tcp

HOST = "127.0.0.1"
_PERIOD = 1 << 30


class Stream:
    """No audio at all."""

    codecs = (0, 8)
    events = True

    def start(self, peer, agreed):
        pass

    def stop(self):
        pass

    def poll(self):
        pass


class Clock:
    def __init__(self, pace):
        self.pace = pace
        self.ticks_add = time.ticks_add
        self.ticks_diff = time.ticks_diff

    def ticks_ms(self):
        return time.ticks_ms() * self.pace % _PERIOD


class Device:
    def __init__(self, settings):
        port = settings["port"]
        self.clock = Clock(settings.get("pace", 1))
        self.capture = capture
        sock = net.udp(HOST, port)
        ready = net.ready(sock)
        self.transport = Transport(tap(sock, self.capture, (HOST, port)), HOST, port, ready)
        if settings.get("tcp"):
            self.transport.tcp = Tcp(self.clock, net.listen(HOST, port), wrap=self.wrap)
            self.transport.prefer = settings["tcp"]
        lines = [Media(HOST, 4000, Stream())]
        name = settings.get("user", "device")
        self.ua = UserAgent(self.transport, lines, name, self.on_state, self.clock, self.on_event)
        self.ua.log = lambda call_id, text: print("log", text)
        if "domain" in settings:
            self.ua.account = Account(
                name,
                settings["domain"],
                settings.get("password", ""),
                settings.get("auth_user", ""),
                settings.get("proxy", ""),
            )
        self.ua.session_s = settings.get("session_s", 0)
        self.answers = settings.get("answers", True)
        self.expires_s = settings.get("expires_s", 60)
        self.retry_ms = settings.get("retry_ms", 30000)
        self.call = None
        self.stdin = select.poll()
        self.stdin.register(sys.stdin, select.POLLIN)
        self.port = port

    def wrap(self, sock, remote):
        return stream.tap(sock, self.capture, (HOST, self.port), remote, headers=2048)

    def on_state(self, call):
        self.call = call
        print("state", call.state, call.status)
        if call.state == "ringing" and not call.outgoing and self.answers:
            self.ua.plan.after(20, call.answer)

    def on_event(self, name, subject, value):
        print("event", name, value)

    def do(self, words):
        name, rest = words[0], words[1:]
        if name == "call":
            self.call = self.ua.call(rest[0])
        elif name == "register":
            self.ua.register(self.expires_s).retry_ms = self.retry_ms
        elif name == "unregister":
            self.ua.registration.stop()
        else:  # what a call can: answer, hang_up, hold, resume, transfer URI, send_dtmf DIGIT
            getattr(self.call, name)(*[int(word) if word.isdigit() else word for word in rest])

    def run(self):
        gc.collect()
        gc.threshold(gc.mem_free() // 4)  # as firmware/boot.py
        print("ready", gc.mem_free())
        while True:
            busy = self.ua.poll()
            busy = self.capture.poll() or busy
            if self.stdin.poll(0 if busy else 1):
                words = sys.stdin.readline().split()
                if not words or words[0] == "quit":
                    return
                self.do(words)

    def end(self):
        """Lets what was sent be answered, and all that was captured leave."""
        end = time.ticks_add(time.ticks_ms(), 300)
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            self.ua.poll()
            self.capture.poll()
            time.sleep_ms(1)
        transport, counts = self.transport, self.capture.stats()
        unsent = transport.tcp.unsent if transport.tcp else 0
        print(
            json.dumps(
                {
                    "crossed": transport.sent + transport.received + transport.dropped - unsent,
                    "failed": transport.failed,
                    "captured": counts["captured"],
                    "left": counts["sent"],
                    "lost": counts["dropped"],
                    "calls": len(self.ua.calls),
                    "refused": self.ua.transactions.refused,
                }
            )
        )


device = Device(settings)
device.run()
device.end()
