"""`uhep expect` as its user sees it: what it prints, and its exit status."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sipmake import ALICE, CALL, captured, packet
from typer.testing import CliRunner
from uhep_tools.cli import app
from uhep_tools.hep import HepError, decode
from uhep_tools.store import Store
from waiting import PATIENCE_S

UHEP = str(Path(sys.executable).parent / "uhep")
PACKETS = captured(at="A")
SCENARIO = """
what: Alice calls Bob
defaults: {name: desk-17}
packets:
- {src: $device, sip: {method: INVITE}}
- {dst: $device, sip: {status: 100}}
- {dst: $device, sip: {status: 180}}
- {dst: $device, sip: {status: 200}}
- {src: $device, sip: {method: ACK}}
- {src: $device, sip: {method: BYE}}
- {dst: $device, sip: {status: 200}}
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "call.yaml"
    path.write_text(SCENARIO)
    return path


def uhep(*arguments):
    return CliRunner().invoke(app, ["expect", *map(str, arguments)])


def database(path, packets):
    with Store(path) as store:
        for raw in packets:
            try:
                store.add(decode(raw), raw, "127.0.0.1:40000")
            except HepError as error:
                store.reject(error, len(raw), "127.0.0.1:40000")
    return path


class Listening:
    """`uhep expect` in a process of its own, once it listens."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [UHEP, "expect", *map(str, arguments), "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = self.process.stderr.readline()
        self.port = int(self.said.split()[2].rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()

    def send(self, *packets):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for raw in packets:
                sock.sendto(raw, ("127.0.0.1", self.port))

    def end(self):
        """(exit status, what it printed)"""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert not err
        return self.process.returncode, out


def test_a_call_as_expected(scenario):
    with Listening(scenario, "--settle", 0.2) as it:
        assert it.said == f"Listening on 127.0.0.1:{it.port} for 7 packets\n"
        it.send(*PACKETS)
        expected = f"PASS  {scenario} (Alice calls Bob): 7 packets, all as expected\n"
        assert it.end() == (0, expected)


def test_over_tcp(scenario):
    with Listening(scenario, "--settle", 0.2) as it:
        with socket.create_connection(("127.0.0.1", it.port)) as sock:
            sock.sendall(b"".join(PACKETS))
        assert it.end()[0] == 0


def test_surplus_within_the_settling_time(scenario):
    with Listening(scenario, "--settle", 2) as it:
        it.send(*PACKETS)
        it.send(packet(b"x", after_us=9_000_000, kind=100))
        code, out = it.end()
    assert code == 1
    assert "surplus #8 log, 192.0.2.10:5060 > 192.0.2.20:5062, desk-17\n" in out


def test_missing_after_the_timeout(scenario):
    with Listening(scenario, "--timeout", 3) as it:
        it.send(*PACKETS[:6])
        code, out = it.end()
    assert code == 1
    assert out.startswith("FAIL ") and "7 packets expected, 6 came" in out
    assert "missing 200 (line 11)\n" in out


def test_ctrl_c_judges_what_is_here(scenario):
    with Listening(scenario) as it:
        it.send(*PACKETS[:6])
        it.process.send_signal(signal.SIGINT)
        code, out = it.end()
    assert code == 1 and "missing 200 (line 11)\n" in out


def test_a_database(tmp_path, scenario):
    db = database(tmp_path / "a.db", PACKETS)
    assert uhep(scenario, "--db", db).exit_code == 0
    assert uhep(scenario, "--db", db, "--set", "device=192.0.2.10:5060").exit_code == 0
    done = uhep(scenario, "--db", db, "--set", "$device=192.0.2.10:5061")
    assert done.exit_code == 1
    assert 'expected  $device = "192.0.2.10:5061"' in done.stdout


def test_what_a_database_has_as_rejected_counts(tmp_path, scenario):
    done = uhep(scenario, "--db", database(tmp_path / "a.db", [*PACKETS, b"HEP1"]))
    assert done.exit_code == 1
    assert "strict    4 octets from 127.0.0.1:40000 were refused, too-short at" in done.stdout


def test_a_file_of_packets(tmp_path, scenario):
    raw = tmp_path / "packets.bin"
    raw.write_bytes(b"".join(PACKETS))
    assert uhep(scenario, "--db", raw).exit_code == 0
    raw.write_bytes(b"".join(PACKETS)[:-1])
    done = uhep(scenario, "--db", raw)
    assert done.exit_code == 1
    assert "refused, total-length at offset 4" in done.stdout and "missing 200" in done.stdout


@pytest.mark.parametrize(
    "text, arguments, said",
    [
        ("packets:\n- kee: x", [], "call.yaml, line 2: unknown key 'kee' in a packet; 'key' may"),
        (SCENARIO, ["--set", "device"], "--set device: NAME=VALUE would be right, as device=127"),
        (SCENARIO, ["--set", "devcie=a"], "does not use the variable devcie; 'device' may be"),
        (SCENARIO, ["--listen", "127.0.0.1:x"], "the port must be a number from 0 to 65535"),
        (SCENARIO, ["--listen", "192.0.2.1:0"], "this machine does not have that address"),
        (SCENARIO, ["--db", "/nowhere/a.db"], "/nowhere/a.db: No such file or directory"),
        (SCENARIO, ["--db", __file__], "test_expect_command.py: line 1"),
    ],
)
def test_wrong_use(tmp_path, text, arguments, said):
    path = tmp_path / "call.yaml"
    path.write_text(text)
    done = uhep(path, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr and not done.stdout


def test_colour_on_a_terminal(monkeypatch, tmp_path, scenario):
    monkeypatch.setenv("FORCE_COLOR", "1")
    db = database(tmp_path / "a.db", [packet(CALL[0][2], ALICE, name=b"[red]\x1b[2J")])
    out = uhep(scenario, "--db", db).stdout
    assert "\x1b[1;31mFAIL" in out and "\x1b[2J" not in out
    assert r'"[red]\x1b[2J"' in out
