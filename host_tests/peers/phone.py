"""Our user agent in MicroPython, without audio (device/signal_device.py), with real peers."""

import json
import os
import subprocess
import threading
from contextlib import contextmanager

from conftest import ROOT
from uhep_tools import emulated
from uhep_tools.ports import free_port
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import find_micropython, heap_option
from uhep_tools.store import Store
from waiting import PATIENCE_S, until

_SCRIPT = ROOT / "host_tests" / "device" / "signal_device.py"


class Phone:
    """A running one. `lines` is what it has printed, `port` where its SIP is."""

    def __init__(self, settings):
        self.port = settings["port"]
        self.lines = []
        heap = "160K" if settings.get("tcp") else "96K"  # a tapped connection takes 11 KB
        self.process = subprocess.Popen(
            [find_micropython(), "-X", heap_option(heap), str(_SCRIPT), json.dumps(settings)],
            env={**os.environ, "MICROPYPATH": f"{emulated.code()}:{_SCRIPT.parent}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.saw("ready")

    def _read(self):
        self.lines.extend(line.rstrip("\n") for line in iter(self.process.stdout.readline, ""))

    def say(self, *words):
        """Have it do something, as one line of its input."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")

    def saw(self, line, count=1, seconds=PATIENCE_S):
        """Wait until it has printed a line so often."""
        until(
            lambda: sum(each.startswith(line) for each in self.lines) >= count,
            lambda: f"{count} x {line!r}; it said:\n  " + "\n  ".join(self.lines[-30:]),
            seconds,
        )

    def states(self):
        return [line.split()[1] for line in self.lines if line.startswith("state ")]

    def end(self):
        """Let it end by itself; its counts."""
        self.say("quit")
        self.process.stdin.close()
        self._reader.join(60)
        assert self.process.wait(60) == 0 and self.lines[-1].startswith("{"), self.lines[-20:]
        return json.loads(self.lines[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        self.process.stdout.close()


class Lab:
    """A collector, and phones that send to it."""

    def __init__(self, store, server):
        self.store = store
        self._server = server
        self._phones = []

    def phone(self, **settings):
        settings = {"port": free_port(), "collector": f"127.0.0.1:{self._server.port}"} | settings
        phone = Phone(settings)
        self._phones.append(phone)
        return phone

    def messages(self):
        """Every SIP message that was captured."""
        stored = [self.store.messages(call.call) for call in self.store.calls()]
        return [message for each in stored for message in each if message.type == 1]

    def end(self):
        """End every phone. Each message that crossed a socket of theirs was captured."""
        counts = [phone.end() for phone in self._phones]
        for each in counts:
            assert each["captured"] == each["crossed"] > 0 == each["failed"], counts
            assert each["lost"] == 0 and each["left"] == each["captured"], counts
        crossed = sum(each["crossed"] for each in counts)
        until(
            lambda: self._flushed(crossed),
            lambda: f"{crossed} messages in the database, not {self.store.written}",
        )
        assert all(each["calls"] == 0 for each in counts), counts
        return counts

    def _flushed(self, crossed):
        self.store.flush()
        return self.store.written >= crossed

    def kill(self):
        for phone in self._phones:
            phone.kill()


@contextmanager
def lab(folder):
    """A Lab in a folder."""
    with Store(folder / "uhep.db") as store, in_thread(Server(store, port=0)) as server:
        found = Lab(store, server)
        try:
            yield found
        finally:
            found.kill()
