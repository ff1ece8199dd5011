"""An emulated ATA in tests: what is done at its telephones, and what it says."""

import re

from uhep_tools.ports import free_block
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import Device
from uhep_tools.store import Store
from waiting import PATIENCE_S, until

TIMEOUT_S = 60


class Ata(Device):
    """An ATA that is captured by `server` (or by none), on free ports. `sip` is that of the first
    line, the second has the one after it; `rtp` is the first of four for RTP."""

    def __init__(self, folder, server=None, name="ata", heap=None, **settings):
        self.sip, self.rtp = free_block(2), free_block(8)
        super().__init__(
            name,
            folder / name,
            device={
                "personality": "ata",
                "sip_port": self.sip,
                "rtp_port": self.rtp,
                "quit_after_ms": 2 * TIMEOUT_S * 1000,
                **settings,
            },
            hep=_captured(server, name) if server else None,
            heap=heap,
        )

    def start(self):
        super().start()
        self.saw("telephone 2 is at")

    def saw(self, text, count=1, seconds=PATIENCE_S):
        """Wait until it has said something so often."""
        saw(self, text, count, seconds)

    def do(self, *commands):
        """Type commands, one after another."""
        for command in commands:
            self.type(command)

    def states(self, number):
        """What a telephone was, in order."""
        return _after(self.lines, rf"telephone {number}: (.+)")

    def calls(self, number):
        """What became of the calls of a line, in order."""
        return _after(self.lines, rf"line {number}: call (?:to|from) \S+: (.+)")

    def quit(self):
        """Have it end; its counts."""
        self.type("quit")
        return self.wait(TIMEOUT_S)


def _captured(server, name):
    address = f"127.0.0.1:{server.port}"
    return {"capture_address": address, "capture_name": name, "status_s": 0}


def saw(device, text, count=1, seconds=PATIENCE_S):
    """Wait until a device has said something so often."""
    until(
        lambda: sum(text in line for line in device.lines) >= count,
        lambda: f"{count} x {text!r}; it said:\n  " + "\n  ".join(device.lines[-40:]),
        seconds,
    )


def _after(lines, pattern):
    found = (re.match(r" *\d+ ms  " + pattern, line) for line in lines)
    return [match[1] for match in found if match]


class Lab:
    """A capture server and the devices that send to it, ATAs or phones."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.store = Store(self.folder / "hep.db")
        self.store.__enter__()
        self._serving = in_thread(Server(self.store, port=0))
        self.server = self._serving.__enter__()
        return self

    def __exit__(self, *error):
        self._serving.__exit__(*error)
        self.store.__exit__(*error)

    def captured(self, *counts):
        """Every message that crossed a socket of the devices was captured, and came here."""
        crossed = 0
        for each in counts:
            lines = each.get("lines", [each])
            ours = sum(line["sip"]["sent"] + line["sip"]["received"] for line in lines)
            assert each["capture"]["captured"] == each["capture"]["sent"] == ours > 0, each
            assert each["capture"]["dropped"] == 0, each
            assert sum(line["sip"]["dropped"] + line["sip"]["failed"] for line in lines) == 0, each
            crossed += ours
        until(lambda: self.store.count() >= crossed, lambda: (self.store.count(), crossed))
        assert self.store.count() == crossed
