"""`uhep bench server`: that its figures are what they are said to be; not how good they are."""

import json

import pytest
from typer.testing import CliRunner
from uhep_tools.bench import server
from uhep_tools.cli import app


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few packets, and few rates."""
    monkeypatch.setattr(server, "_POOL", 600)
    monkeypatch.setattr(server, "_STEP", 20)
    monkeypatch.setattr(server, "_REPEATS", 1)
    monkeypatch.setattr(server, "_BEHIND_S", 100)


def test_figures_and_tables(tmp_path):
    path = tmp_path / "figures.json"
    args = ["bench", "server", "--seconds", "0.5", "--messages", "600", "--json", str(path)]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    figures = json.loads(path.read_text())["server"]
    for kind in ("udp", "tcp"):
        ratio = figures[f"{kind}_a_second"] / figures["bare_a_second"]
        assert figures[f"{kind}_a_second"] > 0 and figures[f"{kind}_ratio"] == pytest.approx(ratio)
    asked = figures["page"]["asked"]
    assert all(figure["ms"] > 0 and figure["octets"] > 1000 for figure in asked.values())
    assert asked["search what is not there"]["octets"] < asked["search a word of all"]["octets"]
    assert "bare UDP reader in Python" in done.output and "search a Call-ID" in done.output


def test_a_receiver_counts_what_it_was_sent():
    with server._receiver(["bare"]) as receiver:
        _, sent = server._send([b"x" * 100] * 600, receiver.port, 2000, 0.2, lambda done: None)
        counts = receiver.drained()
    assert sent == 400 == counts["received"] and counts["drops"] == 0


def test_what_can_not_be_measured():
    done = CliRunner().invoke(app, ["bench", "page"])
    assert done.exit_code == 1 and "agent, firmware or server would be right" in done.output
