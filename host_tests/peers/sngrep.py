"""sngrep as a collector that writes a pcap, and as a sniffing sender."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import REQUIRE_PEERS
from uhep_tools.ports import free_port
from waiting import TooLate, until

from peers.program import running


def needs_sniffing():
    """sngrep as a sender listens to lo, which only root may."""
    if os.geteuid():
        text = "sngrep sniffs the loopback interface: run as root"
        pytest.fail(text, pytrace=False) if REQUIRE_PEERS else pytest.skip(text)


class Receiver:
    """A running sngrep -L: HEP to `port`. The file `pcap` is whole once it has ended."""

    def __init__(self, port, pcap, program):
        self.port = port
        self.pcap = pcap
        self._program = program

    def wait_dialogs(self, count):
        """Wait until it has taken messages of so many Call-IDs, which it counts aloud."""

        def enough():
            self._program.check()
            return f"Dialog count: {count}\n" in self._program.log.read_text()

        try:
            until(enough, "dialogs")
        except TooLate:
            raise self._program.error(f"has not counted {count} dialogs") from None


@contextmanager
def receiver(folder, key=None):
    """sngrep collecting HEP. With a key it drops what comes without it."""
    port = free_port()
    pcap = folder / "sngrep.pcap"
    args = ["sngrep", "-N", "-L", f"udp:127.0.0.1:{port}", "-O", pcap]
    with running([*args, *_settings(folder, key, "listen")], folder, [("udp", port)]) as program:
        yield Receiver(port, pcap, program)


@contextmanager
def sender(folder, hep_port, sip_ports, capture_id, key=None):
    """sngrep sniffing SIP of some ports on lo and sending HEP v3."""
    needs_sniffing()
    args = [
        "sngrep",
        "-N",
        "-d",
        "lo",
        "-H",
        f"udp:127.0.0.1:{hep_port}",
        "-O",
        folder / "own.pcap",
    ]
    settings = _settings(folder, key, "send", f"set eep.send.id {capture_id}")
    # A word each: a filter in one argument would be an expression to find in the messages.
    only = " or ".join(f"port {port}" for port in sip_ports).split()
    with running([*args, *settings, *only], folder) as program:
        until(lambda: _sniffing(program), "sngrep to open lo")
        yield


def _settings(folder, key, way, *more):
    lines = [f"set eep.{way}.version 3", *more]
    if key:
        lines.append(f"set eep.{way}.pass {key}")
    path = folder / "sngreprc"
    path.write_text("\n".join(lines) + "\n")
    # -F: nothing of the user's own settings.
    return ["-F", "-f", path]


def _sniffing(program):
    """Whether it holds a packet socket: an open file whose inode is in the kernel's table."""
    program.check()
    lines = Path("/proc/thread-self/net/packet").read_text().splitlines()[1:]
    packet_sockets = {f"socket:[{line.split()[8]}]" for line in lines}
    return bool(packet_sockets & program.open_files())
