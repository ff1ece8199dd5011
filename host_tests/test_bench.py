"""`uhep bench`: every figure is there and possible. How large they are, is for it to say."""

import json

import pytest
from typer.testing import CliRunner
from uhep_tools.cli import app

AGENT = ("capture_poll", "scan", "capture", "capture_given", "capture_no_id", "capture_redact")
AGENT += ("capture_users", "disabled")
OTHERS = ("write", "capture_poll_sink", "naive", "naive_sendto", "sendto", "tapped_sendto")


def bench(*options):
    done = CliRunner().invoke(app, ["bench", "--json", "-", *options])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def cost():
    figures, _ = bench("--cost", "--rounds", "3")
    assert set(figures) == {"cost"}
    return figures["cost"]


@pytest.fixture(scope="module")
def size():
    figures, _ = bench("--size")
    assert set(figures) == {"size"}
    return figures["size"]


def held(figure, key):
    """The figure is positive, and its mark is what the goal says."""
    assert figure[key] > 0
    assert figure["reached"] == (figure[key] <= figure["goal"])


def test_packet(cost):
    assert cost["sip_octets"] == 600
    # 93 octets are in every packet by IPv4; then key, name, Call-ID and payload.
    assert cost["hep_octets"] == 93 + 6 + 6 + 6 + 7 + 6 + 30 + 6 + 600
    assert cost["rounds"] == 3 and cost["packets"] > 0
    assert "MicroPython" in cost["interpreter"]


def test_voice(cost):
    rows = cost["voice"]["rows"]
    assert set(rows) == {"read", "rtp", "rtp_only", "rtcp"}
    assert rows["read"]["ratio"] == 1 and rows["rtp_only"]["us"] > 0
    for row in rows.values():
        assert row["octets"] == {"mem_total": 0, "mem_alloc": 0} and row["heap_lock"], row


@pytest.mark.parametrize("path, module", [("native", "_native"), ("bytecode", "_plain")])
def test_times(cost, path, module):
    found = cost["paths"][path]
    assert found["hot_path"] == "uhep." + module
    rows = found["rows"]
    assert set(rows) == {*AGENT, *OTHERS}
    for row in rows.values():
        for key in ("us", "ratio"):
            low, high = row[f"{key}_quartiles"]
            assert 0 < low <= row[key] <= high
    assert rows["write"]["ratio"] == 1
    held(rows["capture_poll"], "ratio")
    assert rows["capture_poll"]["goal"] == 1.5
    held(rows["scan"], "ratio")
    assert rows["scan"]["goal"] == 0.5
    assert found["tap_ratio"] > 0
    assert set(found["parts_us"]) == {"call_id", "frame_copy", "poll", "write", "rest"}
    assert sum(found["parts_us"].values()) == pytest.approx(rows["capture_poll"]["us"])


@pytest.mark.parametrize("path", ["native", "bytecode"])
def test_octets(cost, path):
    rows = cost["paths"][path]["rows"]
    for name in AGENT:
        assert rows[name]["octets"] == {"mem_total": 0, "mem_alloc": 0}, name
        assert rows[name]["heap_lock"] is True, name
    for name in ("naive", "naive_sendto"):
        assert rows[name]["octets"]["mem_total"] > cost["hep_octets"]
        assert rows[name]["octets"]["mem_alloc"] > cost["hep_octets"]
        assert rows[name]["heap_lock"] is False


def test_files(size):
    assert set(size["mpy"]) == {"default", "O3"}
    for files in size["mpy"].values():
        modules = files["modules"]
        assert {"uhep", "uhep.agent", "uhep.config", "uhep._plain"} <= set(modules)
        assert not {"uhep._native", "uhep.aio", "uhep.host", "uhep.ip6"} & set(modules)
        assert all(octets > 0 for octets in modules.values())
        assert files["sum"]["octets"] == sum(modules.values())
        other = sum(modules.values()) - modules["uhep._plain"] + files["native"]
        assert files["sum_with_native"]["octets"] == other
        passing = modules["uhep.config"] + modules["uhep.stats"]
        assert files["sum_that_stays"]["octets"] == sum(modules.values()) - passing
        for key in ("sum", "sum_that_stays", "sum_with_native"):
            held(files[key], "octets")
            assert files[key]["goal"] == 8192


@pytest.mark.peer("wasm")
def test_heap(size):
    """`uhep bench` measures the heap that an agent keeps on a 32-bit build"""
    assert size["left_out"] is None
    assert set(size["heap"]) == {"mpy_default", "mpy_O3", "py"}
    for heap in size["heap"].values():
        held(heap, "octets")
        assert heap["goal"] == 10240


@pytest.mark.peer("rp2040")
def test_board(cost, size):
    """`uhep bench` measures the agent on a board of 32 bits, with machine code and without"""
    assert cost["left_out"] is None
    assert set(cost["board"]) == {"native", "bytecode"}
    for found in cost["board"].values():
        assert found["ratio"] == found["capture_poll"] / found["naive"] > 0
    assert set(size["board"]) == {"bytecode", "machine code"}
    assert all(4096 < octets < 65536 for octets in size["board"].values())


def test_without_node(size, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    figures, said = bench("--size")
    assert figures["size"]["heap"] == figures["size"]["board"] == {}
    assert "node" in figures["size"]["left_out"] and "make peers" in said
    assert figures["size"]["mpy"] == size["mpy"]


def test_tables(tmp_path):
    """The terminal's view, and the same figures in the file."""
    file = tmp_path / "figures.json"
    options = ["bench", "--rounds", "2", "--json", str(file)]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 100
    figures = json.loads(file.read_text())
    for found in figures["cost"]["paths"].values():
        assert f"{found['rows']['capture_poll']['ratio']:.2f} x write; goal 1.5" in done.stdout
    for files in figures["size"]["mpy"].values():
        assert f"{files['sum']['octets']:,}" in done.stdout


@pytest.mark.parametrize("micropython", ["/nonexistent/micropython", "/bin/false"])
def test_no_micropython(monkeypatch, micropython):
    monkeypatch.setenv("MICROPYTHON", micropython)
    done = CliRunner().invoke(app, ["bench", "--cost"])
    assert done.exit_code == 1
    assert micropython in done.stderr
