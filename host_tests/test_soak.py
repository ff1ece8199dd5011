"""A million captured packets with everything on: not an octet of heap more at the end."""

import json

import pytest
from test_interpreters import unix

ALL = '["auth", "keys", "message", "dtmf", "users"]'


@pytest.mark.soak
@pytest.mark.parametrize("path", ["machine code", "bytecode"])
def test_a_million_packets(micropython, cases, path):
    count = cases(10_000, 1_000_000) if path == "machine code" else cases(3000, 100_000)
    config = [f"redact={ALL}", 'redact_salt="sesame open"', "keepalive_s=1"]
    config += ['skip_methods=["PUBLISH"]', 'skip_peers=["203.0.113.0/24"]']
    config += ["rates=[5, 0, 0, 0]", "rate_burst=1", "sample=2"]
    plain = ["plain"] if path == "bytecode" else []
    output = unix(micropython, "soak.py", str(count), *config, *plain)
    found = json.loads(output.splitlines()[-1])
    stats = found["stats"]
    assert found["last"] == found["first"], found
    assert stats["captured"] >= count and stats["waiting"] == 0
    refused = stats["filtered"] + stats["sampled_out"] + stats["limited_0"]
    assert stats["captured"] == stats["sent"] + stats["dropped"] + refused
    # Everything had something to do.
    assert stats["dropped_oldest"] + stats["dropped_newest"] > count // 500
    assert stats["filtered"] > count // 10 and stats["sampled_out"] > count // 10
    assert stats["limited_0"] > 0 and stats["connects"] == 1 and stats["unconfirmed"] == 0
