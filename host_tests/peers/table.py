"""Runs the peer tests and writes what they proved into host_tests/README.md:

    .venv/bin/python host_tests/peers/table.py

A row for each test: its peers, their versions, the first line of its docstring (or of its
module's, for all tests there that have none), the result.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOST_TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOST_TESTS))

from conftest import NPM  # noqa: E402

from peers.postgres import binary  # noqa: E402

README = HOST_TESTS / "README.md"
BEGIN, END = "<!-- peers table -->", "<!-- end of peers table -->"

# Peer -> a command that tells its version, and where that stands in what it says.
COMMANDS = {
    "kamailio": (["kamailio", "-v"], r"kamailio (\S+)"),
    "sngrep": (["sngrep", "--version"], r"sngrep - (\S+)"),
    "tshark": (["tshark", "--version"], r"TShark \D*(\S+)"),
    "sipp": (["sipp", "-v"], r"SIPp v([\d.]+)"),
    "baresip": (["baresip", "-h"], r"baresip v(\S+)"),
    "rtpengine": (["rtpengine", "--version"], r"Version: (\S+)"),
    "stunnel": (["stunnel4", "-version"], r"stunnel (\S+)"),
    "chromium": (["chromium", "--version"], r"Chromium (\S+)"),
    "xxd": (["xxd", "--version"], r"xxd (\S+)"),
    "postgresql": ([binary("postgres"), "--version"], r"PostgreSQL\) (\S+)"),
}
PACKAGES = {
    "hep-js": "hep-js",
    "wasm": "@micropython/micropython-webassembly-pyscript",
    "rp2040": "rp2040js",
}


def version(peer):
    if peer == "firmware":
        return "MicroPython 1.27.0"
    if peer in PACKAGES:
        return json.loads((NPM / PACKAGES[peer] / "package.json").read_text())["version"]
    command, pattern = COMMANDS[peer]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return re.search(pattern, said.stdout + said.stderr)[1]


class Collector:
    """A pytest plugin: what each test is about, and how it ended."""

    def __init__(self):
        self.tests = {}  # node id -> (peers, what is compared)
        self.outcomes = {}  # node id -> "passed", "failed", "skipped"

    def pytest_collection_finish(self, session):
        for item in session.items:
            marks = [mark.args for mark in item.iter_markers("peer")]
            peers = tuple(dict.fromkeys(peer for args in marks for peer in args))
            doc = item.function.__doc__ or item.module.__doc__
            self.tests[item.nodeid] = (peers, doc.strip().splitlines()[0])

    def pytest_runtest_logreport(self, report):
        ended = report.when == "call" or not report.passed
        if ended and self.outcomes.get(report.nodeid) != "failed":
            self.outcomes[report.nodeid] = report.outcome

    def rows(self):
        """(peers, what was compared, result) for each test, its parameters taken together."""
        groups = {}
        for node, about in self.tests.items():
            groups.setdefault(about, []).append(self.outcomes.get(node, "not run"))
        for (peers, what), outcomes in sorted(groups.items()):
            counts = [f"{outcomes.count(each)} {each}" for each in sorted(set(outcomes))]
            yield peers, what, ", ".join(counts)


def main():
    collector = Collector()
    code = pytest.main(["-q", "-m", "peer", str(HOST_TESTS)], plugins=[collector])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        print("The tests did not run to their end: the table stays as it was.")
        return code
    lines = ["| peer | version | what was compared | cases |", "|---|---|---|---|"]
    for peers, what, result in collector.rows():
        versions = "unknown" if "skipped" in result else ", ".join(map(version, peers))
        lines.append(f"| {', '.join(peers)} | {versions} | {what} | {result} |")
    text = README.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    README.write_text("\n".join([head + BEGIN, *lines, END]) + tail)
    return code


if __name__ == "__main__":
    sys.exit(main())
