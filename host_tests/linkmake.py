"""The agent with a real link, in an interpreter of its own, and what became of its packets."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from uhep_tools.server import Server, in_thread
from waiting import PATIENCE_S

LIB = ROOT / "lib"
SHIM = ROOT / "host_tests" / "shim"
SCRIPT = Path(__file__).parent / "device" / "link_sender.py"


class Sender:
    """link_sender.py at work; `statuses` and `stats` are there after wait()."""

    def __init__(
        self,
        interpreter,
        count=100,
        every_ms=2,
        start=subprocess.Popen,
        last=0,
        mode="",
        **config,
    ):
        """last: so many packets are captured when a connection has broken, not before: what is
        sent while nobody has noticed a break may be lost. mode: see link_sender.py.
        start: what to use for Popen, to run it elsewhere.
        """
        config = {"transport": "tcp", "queue_bytes": 262144, "capture_id": 2001} | config
        config = {"status_s": 0} | config
        address = config["capture_address"]
        # The port's own resolver may wait, and does so in a poll.
        self._may_wait = "dns" not in config and "localhost" in str(address)
        path = os.pathsep.join([str(LIB), str(SHIM)])
        self.process = start(
            [interpreter, str(SCRIPT), str(count), str(every_ms), str(last), mode],
            env={**os.environ, "MICROPYPATH": f"{LIB}:.frozen", "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self.process.stdin.write(json.dumps(config) + "\n")
        self.process.stdin.flush()

    def wait(self, seconds=PATIENCE_S):
        output, _ = self.process.communicate(timeout=seconds)
        lines = output.splitlines()
        assert lines and lines[-1].startswith("{"), output
        self.statuses, self.stats = lines[:-1], json.loads(lines[-1])
        if self._may_wait:
            self.stats["waits"] = None
        return self


@contextlib.contextmanager
def serving(store, **options):
    with in_thread(Server(store, port=options.pop("port", 0), **options)) as server:
        yield server


def stored(store):
    """The numbers of the lines in the store, in the order in which they came."""
    store.flush()
    messages = sorted(store.messages("c1@192.0.2.10"), key=lambda message: message.id)
    return [int(message.packet.payload[:6]) for message in messages]


def account(store, stats, count):
    """Every capture is stored, dropped or unconfirmed; none twice, none out of order."""
    numbers = stored(store)
    assert numbers == sorted(set(numbers))
    assert stats["captured"] == count and stats["waiting"] == 0
    assert stats["sent"] + stats["dropped"] == count
    assert stats["sent"] - stats["unconfirmed"] <= len(numbers) <= stats["sent"]
    undisturbed(stats)
    return numbers


def undisturbed(stats, flash=False):
    """The call beside it went on: each packet of sound left in the turn in which it was due,
    and no poll of the agent waited for anything. flash: but for a spool's files."""
    assert stats["rtp_late"] == 0 and stats["rtp"] == (stats["turns"] + 19) // 20 > 0, stats
    assert flash or stats["waits"] in (0, None), stats


CPYTHON = sys.executable
