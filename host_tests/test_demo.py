"""uhep demo: it shows a call that is wholly captured, and fails when anything of it is missing."""

import re

import pytest
from typer.testing import CliRunner
from uhep_tools import demo
from uhep_tools.cli import app
from uhep_tools.store import Store

CHANGE = ["INVITE", "200 OK", "ACK"]  # on hold, and off it again
CALL = ["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK", *CHANGE, *CHANGE, "BYE", "200 OK"]


class Forgetful(Store):
    """A store that loses the fifth packet."""

    added = 0

    def add(self, *packet):
        self.added += 1
        if self.added != 5:
            super().add(*packet)


def run_command(tmp_path):
    return CliRunner().invoke(app, ["demo", "--state", str(tmp_path / "demo")])


def test_demo(tmp_path):
    for _ in range(2):  # the second one finds what the first has left
        done = run_command(tmp_path)
        assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    for digit in "42":
        assert any(line.startswith("bob") and f"digit {digit}" in line for line in lines)
    rungs = [line for line in lines if "►" in line or "◄" in line]
    assert len(rungs) == len(CALL)
    for rung, label in zip(rungs, CALL, strict=True):
        assert label in rung and rung.count("●") == 2, rung  # seen at both ends
    for name, ways in (("alice", "7 messages out, 6 in"), ("bob  ", "6 messages out, 7 in")):
        counters = (
            f"{name} | {ways}; captured 13, sent 13, dropped 0, 0 bytes allocated per packet"
        )
        assert any(line.startswith(counters) for line in lines), done.output
    path = tmp_path / "demo" / "uhep.db"
    assert f"uhep show --db {path}" in done.output
    with Store(path, create=False) as store:
        assert store.count() == 2 * len(CALL)
        (call,) = store.calls()
        assert call.state == "ended" and call.agents == ["alice", "bob"]


def test_demo_fails_when_a_packet_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("uhep_tools.store.Store", Forgetful)
    done = run_command(tmp_path)
    assert done.exit_code == 1
    failed = [line for line in done.output.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1
    assert re.fullmatch(r"failed: \w+ (sent|received) (\d) messages, (\d) stored", failed[0])
    assert "every message was stored" not in done.output


def test_every_packet_of_both_ends_is_there(tmp_path):
    with Store(tmp_path / "uhep.db") as store:
        outcome = demo.run(store, tmp_path, talk_ms=2000)
    assert outcome.problems == []
    sent = {side.name: side.counts["sip_port"] for side in outcome.sides}
    for message in outcome.messages:
        assert sent[message.node_name] in (message.sport, message.dport)
    for one, other in (("alice", "bob"), ("bob", "alice")):
        # What one end has sent is, byte for byte, what the other end has received.
        out = [m.packet.payload for m in outcome.messages if m.node_name == one]
        back = [m.packet.payload for m in outcome.messages if m.node_name == other]
        assert sorted(out) == sorted(back) and len(out) == len(CALL)


def counts(**sip):
    return {"sip": {"sent": 3, "received": 4} | sip, "calls": {"talked": 1}}


@pytest.mark.parametrize(
    "sip, stored, problem",
    [
        ({}, (3, 4), []),
        ({}, (2, 4), ["x sent 3 messages, 2 stored"]),
        ({}, (4, 4), ["x sent 3 messages, 4 stored"]),
        ({}, (4, 3), ["x sent 3 messages, 4 stored", "x received 4 messages, 3 stored"]),
        ({"received": 5}, (3, 4), ["x received 5 messages, 4 stored"]),
    ],
)
def test_what_counts_as_a_problem(sip, stored, problem):
    assert demo.Side("x", counts(**sip), *stored).problems() == problem


def test_a_demo_in_which_nobody_talks_has_failed():
    side = demo.Side("x", {**counts(), "calls": {"talked": 0}}, 3, 4)
    assert side.problems() == ["x has not talked"]


def test_demo_without_micropython(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROPYTHON", "/nowhere")
    done = run_command(tmp_path)
    assert done.exit_code == 1 and "MICROPYTHON=/nowhere is no program" in done.output
