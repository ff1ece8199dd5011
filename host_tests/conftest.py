"""What every test shares: where the interpreters are, which peers are there, how long to run.

UHEP_REQUIRE_PEERS=1 turns a missing peer from a skip into a failure (CI).
UHEP_SOAK=1 runs the long proofs whole (make soak).
"""

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
from uhep_tools.store import Store

ROOT = Path(__file__).resolve().parent.parent
NPM = ROOT / ".peers" / "node_modules"
SOAK = os.environ.get("UHEP_SOAK") == "1"
REQUIRE_PEERS = os.environ.get("UHEP_REQUIRE_PEERS") == "1"

# A shell that starts this in the background lets it, and all its children, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The device's code under CPython: the same files that go onto a board, and what they import
# of MicroPython.
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "firmware"), str(ROOT / "host_tests" / "shim")]
import micropython as _shim  # noqa: E402, F401  (gives `time` its ticks)

FIRMWARE = ROOT / ".peers" / "firmware"  # of MicroPython, for boards

# Name of a peer -> what must exist for it: programs on PATH, or files.
PEERS = {
    "wasm": ["node", NPM / "@micropython/micropython-webassembly-pyscript/micropython.mjs"],
    "hep-js": ["node", NPM / "hep-js/index.js"],
    "firmware": [
        FIRMWARE / "esp32-20251209-v1.27.0.bin",
        FIRMWARE / "esp32c3-20251209-v1.27.0.bin",
    ],
    "rp2040": ["node", NPM / "rp2040js", FIRMWARE / "rpi-pico-w-20251209-v1.27.0.uf2"],
    "kamailio": ["kamailio", Path("/usr/lib/x86_64-linux-gnu/kamailio/modules/sipcapture.so")],
    "sngrep": ["sngrep"],
    "tshark": ["tshark"],
    "rtpengine": ["rtpengine"],
    "baresip": ["baresip"],
    "sipp": ["sipp"],
    "xxd": ["xxd"],
    "stunnel": ["stunnel4"],
    "chromium": ["chromium"],
    "postgresql": [Path("/usr/lib/postgresql")],
}


def missing(peer):
    """What of a peer is not installed, as a list of names."""
    absent = []
    for need in PEERS[peer]:
        found = need.exists() if isinstance(need, Path) else shutil.which(need)
        if not found:
            absent.append(str(need))
    return absent


def pytest_runtest_setup(item):
    for mark in item.iter_markers("peer"):
        for peer in mark.args:
            absent = missing(peer)
            if absent:
                text = f"peer {peer} is not installed ({', '.join(absent)}): run `make peers`"
                if REQUIRE_PEERS:
                    pytest.fail(text, pytrace=False)
                pytest.skip(text)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByDeviceFile(LoadScopeScheduling):
        """All tests of a file of device/ to one worker: it runs the file once, for all of them."""

        def _split_scope(self, nodeid):
            found = re.search(r"\[(\w+)::\w+\]$", nodeid)
            return found[1] if found else nodeid

    return ByDeviceFile(config, log)


@pytest.fixture
def store(tmp_path):
    """A database of the capture server."""
    with Store(tmp_path / "uhep.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def micropython():
    """Path of the unix port's binary: MICROPYTHON, or the one in .venv."""
    found = os.environ.get("MICROPYTHON") or shutil.which(
        "micropython", path=str(Path(sys.executable).parent)
    )
    assert found, "no MicroPython unix port: run `make setup`, or set MICROPYTHON=/path"
    return found


@pytest.fixture(scope="session")
def cases():
    """cases(short, whole): how many cases a long proof runs now."""
    return lambda short, whole: whole if SOAK else short
