"""hep-js, the encoder and decoder of the HOMER people for node."""

import json
import subprocess

from conftest import NPM

from peers.program import HERE


def _run(tasks):
    done = subprocess.run(
        ["node", HERE / "hepjs.js", NPM / "hep-js"],
        input="\n".join(json.dumps(task) for task in tasks),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"hep-js: {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def encode(messages):
    """messages: of (payload text, rcinfo). Returns the packets."""
    tasks = [{"encode": {"payload": text, "rcinfo": info}} for text, info in messages]
    return [bytes.fromhex(packet) for packet in _run(tasks)]


def decode(packets):
    """What it reads of each packet: a dict, or False for one that it refuses."""
    return _run([{"decode": packet.hex()} for packet in packets])
