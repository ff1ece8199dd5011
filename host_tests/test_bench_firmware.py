"""uhep bench firmware: what a whole device takes."""

import json

import pytest
from typer.testing import CliRunner
from uhep_tools.bench import firmware
from uhep_tools.cli import app


@pytest.mark.peer("wasm")
def test_what_a_device_takes():
    """The parts add up; each is there; a figure with a goal says whether it is reached."""
    done = CliRunner().invoke(app, ["bench", "firmware", "--json", "-"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)["firmware"]
    flash, heap = told["flash"], told["heap"]
    assert flash["sum"] == flash["uhep"] + flash["usip"] + flash["firmware"]
    assert set(heap) == set(firmware.personalities()) >= {"phone", "probe", "sniffer"}
    for name, parts in heap.items():
        assert parts["agent"] > 8192 and parts["board"] > 0 and parts["personality"] > 0, name
        assert parts["sum"] == parts["agent"] + parts["board"] + parts["personality"]
        held = parts["held"]
        assert held["octets"] == parts["sum"] - parts["board"]
        if "goal" in held:
            assert held["reached"] == (held["octets"] <= held["goal"])
    assert heap["phone"]["personality"] > heap["probe"]["personality"]
