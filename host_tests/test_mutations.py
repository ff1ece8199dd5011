"""Mutated messages of RFC 4475 under MicroPython: no exception, no allocation, no stall."""

import json

import pytest
from test_interpreters import unix


def run(micropython, messages, seed, *mode):
    output = unix(micropython, "mutate.py", str(messages), str(seed), *mode)
    assert output.startswith("{"), output
    return json.loads(output)


def check(found, messages):
    assert found["asked"] == 0
    assert found["batches"] == messages // 100
    assert found["captured"] == messages + 100  # and one batch to begin with
    assert found["recovered"] == found["batches"] + 1
    assert found["framed"] > messages // 3


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["native", "plain"])
def test_through_scan_and_framer(micropython, cases, mode):
    messages = cases(2000, 100_000)
    for seed in range(cases(1, 10)):
        found = run(micropython, messages, seed, mode)
        assert found["native"] == (mode == "native")
        check(found, messages)
