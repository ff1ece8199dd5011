"""The sender under test: the agent, running in MicroPython's unix port."""

import json
import os
import subprocess
from dataclasses import dataclass, field

from conftest import ROOT

from peers.program import HERE

CONFIG = {
    "enabled": True,
    "capture_id": 2001,
    "capture_name": "desk-17",
    "capture_password": "sesame",
    "max_packet": 65507,
    "queue_bytes": 140000,
}


@dataclass
class Capture:
    """One message as the agent is told of it."""

    payload: bytes
    out: bool = True
    local: tuple[str, int] = ("192.0.2.10", 5060)
    remote: tuple[str, int] = ("198.51.100.20", 5080)
    proto: int = 17
    kind: int = 1
    cid: bytes | None = None
    says: dict = field(default_factory=dict)  # columns that a SIP parser reads in it

    @property
    def source(self):
        return self.local if self.out else self.remote

    @property
    def destination(self):
        return self.remote if self.out else self.local

    @property
    def family(self):
        return 10 if ":" in self.local[0] else 2


def send(micropython, folder, address, captures, truncated=0, **config):
    """Run the agent over captures to address (host:port), which all must leave it."""
    plan = [CONFIG | {"capture_address": address} | config]
    for each in captures:
        plan.append(
            {
                "local": each.local,
                "remote": each.remote,
                "proto": each.proto,
                "kind": each.kind,
                "out": each.out,
                "payload": each.payload.hex(),
                "cid": None if each.cid is None else each.cid.hex(),
            }
        )
    path = folder / "plan"
    path.write_text("\n".join(map(json.dumps, plan)))
    done = subprocess.run(
        [micropython, "-X", "heapsize=1M", HERE / "send.py", path],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"the agent ended with an error:\n{done.stdout}{done.stderr}"
    stats = json.loads(done.stdout)
    expected = {"captured": len(captures), "sent": len(captures), "errors": 0}
    expected["truncated"] = truncated
    assert {name: stats[name] for name in expected} == expected, stats
