"""uhep sim: emulated devices, alone and calling each other over real UDP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner
from uhep_tools.cli import app
from uhep_tools.matching import message
from uhep_tools.ports import free_pairs
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import (
    HEAP,
    ROOT,
    Device,
    SimError,
    find_micropython,
    heap_for,
    heap_option,
)
from uhep_tools.store import Store

TIMEOUT_S = 30
UHEP = str(Path(sys.executable).parent / "uhep")


def pair(tmp_path, hep=None, **alice):
    """Two devices that call each other once and end."""
    sip_a, sip_b, rtp_a, rtp_b = free_pairs(4)
    common = {"quit_after_calls": 1, "quit_after_ms": 20000}
    calling = {"call": f"sip:bob@127.0.0.1:{sip_b}", "call_after_ms": 300, "talk_ms": 500}
    return (
        Device(
            "alice",
            tmp_path / "alice",
            device=common | calling | {"sip_port": sip_a, "rtp_port": rtp_a} | alice,
            hep=hep,
        ),
        Device(
            "bob",
            tmp_path / "bob",
            device=common | {"sip_port": sip_b, "rtp_port": rtp_b, "answer_after_ms": 100},
            hep=hep,
        ),
    )


def run(devices):
    with ExitStack() as stack:
        for device in reversed(devices):
            stack.enter_context(device)
        return [device.wait(TIMEOUT_S) for device in devices]


def states(device):
    """What became of the device's one call, in order."""
    found = (re.match(r" *\d+ ms  call (?:to|from) \S+: (.+)", line) for line in device.lines)
    return [match[1] for match in found if match]


def alone(tmp_path, heap=None, **settings):
    sip, rtp = free_pairs(2)
    settings = {"sip_port": sip, "rtp_port": rtp, "quit_after_ms": 100} | settings
    return Device("solo", tmp_path, device=settings, heap=heap)


def test_two_devices_call_each_other(tmp_path):
    devices = pair(tmp_path)
    alice, bob = run(devices)
    assert states(devices[0]) == [
        "calling",
        "ringing (180 Ringing)",
        "talking",
        "hanging up (hung up here)",
        "ended (hung up here)",
    ]
    assert states(devices[1]) == [
        "ringing (180 Ringing)",
        "answered (200 OK)",
        "talking",
        "ended (hung up there)",
    ]
    assert alice["sip"] == {"sent": 3, "received": 4, "dropped": 0, "failed": 0}
    assert bob["sip"] == {"sent": 4, "received": 3, "dropped": 0, "failed": 0}
    for here, there in ((alice, bob), (bob, alice)):
        assert here["calls"] == {"ended": 1, "talked": 1}
        # What the other end sent after this one had hung up does not count here.
        assert 0 < here["rtp"]["received"] <= there["rtp"]["sent"]
        assert here["capture"]["captured"] == 0


def test_a_call_to_nobody(tmp_path):
    with alone(tmp_path, call="sip:x@127.0.0.1:x", call_after_ms=0) as device:
        counts = device.wait(TIMEOUT_S)
    assert counts["sip"]["sent"] == 0
    assert any("cannot call sip:x@127.0.0.1:x" in line for line in device.lines)


def test_a_registered_phone_keeps_its_way_open_and_takes_numbers_as_people_write_them(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(TIMEOUT_S)
        at = f"127.0.0.1:{server.getsockname()[1]}"
        keys = {"sip_server": at, "sip_keep_alive_s": 1, "quit_after_ms": 0}
        with alone(tmp_path, **keys) as device:
            register, phone = server.recvfrom(4096)
            head, _, rest = register.partition(b"\r\n")
            assert head.startswith(b"REGISTER ")
            server.sendto(b"SIP/2.0 200 OK\r\n" + rest, phone)
            assert [server.recv(4096) for _ in range(2)] == [b"\r\n\r\n"] * 2
            device.type("call *21*+49 (30) 12-34/5#")
            invite = next(data for data in iter(lambda: server.recv(4096), b"") if data.strip())
            assert invite.startswith(f"INVITE sip:*21*+493012345%23@{at} SIP/2.0\r\n".encode())
            device.type("call sip:a b@127.0.0.1")
            device.type("quit")
            device.wait(TIMEOUT_S)
    assert "sip:a b@127.0.0.1 is no number and no address" in device.lines


def test_a_connection_is_captured_with_the_port_that_it_comes_from(hep_server, hep_device):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_S)
        uri = f"sip:x@127.0.0.1:{server.getsockname()[1]};transport=tcp"
        hep_device("alice", heap="192K", sip_transport="tcp", call=uri, call_after_ms=0)
        peer, (_, port) = server.accept()
        with peer:
            assert hep_server.wait(message("INVITE"))[0].source == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "absent"),
        ('{"enabled": false}', "not enabled"),
        ("{", "JSON"),
        ('{"capture_adress": "127.0.0.1:9060"}', "capture_adress"),
        ('{"capture_address": "127.0.0.1:90600"}', "90600"),
        ('{"capture_address": "127.0.0.1:9060", "capture_name": "a\\"b"}', "capture_name"),
    ],
)
def test_without_a_good_hep_json_the_phone_works(tmp_path, text, said):
    devices = pair(tmp_path)
    if text is not None:
        (tmp_path / "alice").mkdir()
        (tmp_path / "alice" / "hep.json").write_text(text)
    alice, bob = run(devices)
    told = [line for line in devices[0].lines if line.startswith("hep.json: ")]
    assert len(told) == 1 and "nothing is captured" in told[0] and said in told[0], told
    assert alice["calls"] == bob["calls"] == {"ended": 1, "talked": 1}
    assert not alice["capture"] or alice["capture"]["captured"] == 0


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"sip_port": 65536}, "sip_port is 65536, but must be from 1 to 65535"),
        ({"sip_port": "5060"}, "sip_port is '5060', but must be a whole number"),
        ({"sip_port": True}, "sip_port is True, but must be a whole number"),
        ({"call": 5}, "call is 5, but must be a string"),
        ({"tone": 400}, "unknown key tone; a phone knows: address, answer_after_ms"),
        ({"personality": "os"}, "personality is 'os', but must be one that firmware/keys has"),
    ],
)
def test_a_wrong_device_json_is_named(tmp_path, settings, said):
    with alone(tmp_path, **settings) as device, pytest.raises(SimError, match="no counts") as why:
        device.wait(TIMEOUT_S)
    assert f"{tmp_path}/device.json: {said}" in str(why.value)
    assert [line for line in device.lines if line.startswith("device.json: " + said)]


def test_a_second_run_has_no_counts_of_the_first(tmp_path):
    with alone(tmp_path) as device:
        assert device.wait(TIMEOUT_S)["device"] == "solo"
        (tmp_path / "device.json").write_text('{"tone": 1}')
        with device, pytest.raises(SimError, match="no counts: .*unknown key tone"):
            device.wait(TIMEOUT_S)


def test_settings_stay_for_the_next_run(tmp_path):
    (tmp_path / "device.json").write_text('{"talk_ms": 700, "tone_hz": 800}')
    device = Device("solo", tmp_path, device={"talk_ms": 900}, defaults={"tone_hz": 1, "call": ""})
    device.start()
    device.kill()
    written = json.loads((tmp_path / "device.json").read_text())
    assert written == {"talk_ms": 900, "tone_hz": 800, "call": "", "name": "solo"}
    assert not (tmp_path / "hep.json").exists()


def test_a_taken_port_is_an_error(tmp_path):
    with alone(tmp_path / "a", quit_after_ms=0) as first:
        port = json.loads((tmp_path / "a" / "device.json").read_text())["sip_port"]
        while not first.lines[1:]:
            time.sleep(0.01)
        second = alone(tmp_path / "b", sip_port=port)
        with second, pytest.raises(SimError, match="EADDRINUSE; a port that .* is in use already"):
            second.wait(TIMEOUT_S)
        assert second.lines.count("Traceback (most recent call last):") == 1
        assert first.running


def test_an_address_of_another_machine_is_an_error(tmp_path):
    with (
        alone(tmp_path, address="192.0.2.1") as device,
        pytest.raises(
            SimError, match="OSError.*; its address and ports are those of .*device.json"
        ),
    ):
        device.wait(TIMEOUT_S)


def test_too_small_a_heap_is_an_error(tmp_path):
    sip, rtp = free_pairs(2)
    with (
        Device("tiny", tmp_path, device={"sip_port": sip, "rtp_port": rtp}, heap="20K") as tiny,
        pytest.raises(SimError, match="MemoryError.* wants more than a heap of 20K"),
    ):
        tiny.wait(TIMEOUT_S)


def test_heap_by_settings(tmp_path):
    (tmp_path / "device.json").write_text('{"sip_server": "127.0.0.1"}')  # of an earlier run
    with alone(tmp_path, heap=None, sip_dns="") as device:
        device.wait(TIMEOUT_S)
        assert "heapsize=128wK" in device._process.args
    assert heap_for({"personality": "ata", "sip_server": "a"}) == "160K"
    assert heap_for({"personality": "phone", "sip_server": ""}) == heap_for({}) == HEAP


def test_heap_option():
    assert heap_option("96K") == "heapsize=96wK"
    assert heap_option("1m") == "heapsize=1wM"
    assert heap_option("90000") == "heapsize=90000w"
    for wrong in ("", "0K", "-1K", "96KB", "K"):
        with pytest.raises(SimError, match="no size"):
            heap_option(wrong)


def test_names_that_can_not_be(tmp_path):
    for name in ("", "..", "a/b", "a b", "é"):
        with pytest.raises(SimError, match="can not name a device"):
            Device(name, tmp_path)


def test_no_micropython(tmp_path):
    done = subprocess.run(
        [UHEP, "sim", "phone", "--state", str(tmp_path)],
        env={**os.environ, "MICROPYTHON": "/nowhere/micropython"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "MICROPYTHON=/nowhere/micropython is no program" in done.stderr
    assert "make setup" in done.stderr and "Traceback" not in done.stderr


def test_what_micropython_can_not_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text, mode in (("no-interpreter", "#!/nowhere\n", 0o755), ("data", "", 0o644)):
        Path(name).write_text(text)
        Path(name).chmod(mode)
        monkeypatch.setenv("MICROPYTHON", f"./{name}")
        with pytest.raises(SimError, match="can not be run: No such file|is no program"):
            alone(tmp_path).start()
    monkeypatch.setenv("MICROPYTHON", "./no-interpreter")
    assert find_micropython() == str(tmp_path / "no-interpreter")


def test_without_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr("uhep_tools.sim.ROOT", tmp_path)
    state = ["--state", str(tmp_path)]
    for arguments in (
        ["sim", "phone", *state],
        ["sim", "phone", "--count", "2", *state],
        ["demo", *state],
        ["image", "--board", "WT32_ETH01", "--firmware", "no.bin"],
        ["deploy"],
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1
        said = done.output.replace("\n", "")
        assert f"{tmp_path} has no firmware" in said and "pip install -e" in said


def test_nobody_hears_it(tmp_path):
    """What a device says can not be told: it ends, and so does who waits for it."""

    def echo(line):
        raise OSError(28, "No space left on device")

    sip, rtp = free_pairs(2)
    with (
        Device("solo", tmp_path, device={"sip_port": sip, "rtp_port": rtp}, echo=echo) as device,
        pytest.raises(OSError, match="No space left"),
    ):
        device.wait(TIMEOUT_S)


def start(tmp_path, *arguments, **environment):
    sip, rtp = free_pairs(2)
    ports = ["--set", f"sip_port={sip}", "--set", f"rtp_port={rtp}"]
    return subprocess.Popen(
        [UHEP, "sim", "phone", *arguments, *ports, "--state", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | environment,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_cleanly(tmp_path, how):
    with start(tmp_path, "desk") as sim:
        line = sim.stdout.readline()
        while "desk is at" not in line:
            assert line, sim.stderr.read()
            line = sim.stdout.readline()
        children = Path(f"/proc/{sim.pid}/task/{sim.pid}/children").read_text().split()
        assert len(children) == 1
        sim.send_signal(how)
        _, errors = sim.communicate(timeout=TIMEOUT_S)
    assert sim.returncode == 0 and errors == "stopped\n"
    assert not Path(f"/proc/{children[0]}").exists()


def gone(process):
    """Whether the process of this id has ended, also while nobody has asked for its status."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_no_device_is_left_of_a_sim_that_was_killed(tmp_path):
    with start(tmp_path, "desk") as sim:
        line = sim.stdout.readline()
        while "desk is at" not in line:
            assert line, sim.stderr.read()
            line = sim.stdout.readline()
        [device] = Path(f"/proc/{sim.pid}/task/{sim.pid}/children").read_text().split()
        assert not gone(device)
        sim.kill()
        sim.wait(TIMEOUT_S)
        end = time.monotonic() + TIMEOUT_S
        while not gone(device):
            assert time.monotonic() < end, "it still runs"
            time.sleep(0.01)


def test_output_that_nobody_reads_any_more(tmp_path):
    with start(tmp_path, "desk") as sim:
        assert sim.stdout.readline()
        sim.stdout.close()
        with suppress(BrokenPipeError):  # it may have ended by its next line
            os.write(sim.stdin.fileno(), b"help\n")
        assert sim.wait(TIMEOUT_S) == 1
        assert sim.stderr.read() == ""


def test_one_that_ends_badly_ends_all(tmp_path):
    sip, *rtp = free_pairs(3)
    ports = [f"sip_port={sip}", f"a:rtp_port={rtp[0]}", f"b:rtp_port={rtp[1]}"]
    options = [word for port in ports for word in ("--set", port)]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&-', UHEP, "sim", "phone", "a", "b", *options]
        + ["--state", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 1
    assert re.fullmatch("uhep sim: [ab] ended .* EADDRINUSE; .*\n", done.stderr)


def test_output_has_the_name_in_front(tmp_path):
    """Whatever is typed, and whatever the terminal can show."""
    with start(tmp_path, "desk", PYTHONIOENCODING="ascii") as sim:
        output, errors = sim.communicate("é\nquit\n", timeout=TIMEOUT_S)
    assert sim.returncode == 0, errors
    assert all(line.startswith("desk | ") for line in output.splitlines())
    assert "desk | there is no \\xc3\\xa9; help lists what there is" in output
    counts = json.loads(output.splitlines()[-1].removeprefix("desk | "))
    assert counts["device"] == "desk"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["fax"], "there is no 'fax'; there is: ata, phone"),
        (["phone", "a", "a"], "two devices have the same name"),
        (["phone", "--set", "talk_ms"], "KEY=VALUE would be right"),
        (["phone", "--set", "bob:talk_ms=1"], "there is no device 'bob'; there is: phone"),
        (["phone", "--heap", "lots"], "a heap of 'lots' is no size"),
    ],
)
def test_wrong_use(tmp_path, arguments, said):
    done = subprocess.run(
        [UHEP, "sim", *arguments, "--state", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("size", [[], ["--count", "2"]])
def test_state_that_can_not_be_used(tmp_path, size):
    file = tmp_path / "file"
    file.write_text("no folder")
    first = "phone-001" if size else "phone"
    (tmp_path / "s" / first).mkdir(parents=True)
    (tmp_path / "s" / first / "device.json").write_text("[]")
    for state, said in (
        (file, f"{file / first} can not be used: Not a directory"),
        (tmp_path / "s", 'device.json should be a JSON object, like {"name": '),
    ):
        done = CliRunner().invoke(app, ["sim", "phone", *size, "--state", str(state)])
        assert done.exit_code == 1 and said in done.output


METER = """
import meter

class Wasteful:
    def capture(self, flow, way, buf, n, cid=None):
        bytearray(1000)
        return True

agent = meter.MeteredAgent({"capture_address": "127.0.0.1:9"})
flow = agent.flow(("127.0.0.1", 1), ("127.0.0.1", 2))
agent.capture(flow, 0, b"x" * 99, 99)
print(agent.asked)
meter.Agent = Wasteful
agent.capture(flow, 0, b"x" * 99, 99)
print(agent.asked)
"""


def test_the_meter_sees_what_a_capture_allocates(tmp_path):
    path = f"{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"
    done = subprocess.run(
        [find_micropython(), "-c", METER],
        env={**os.environ, "MICROPYPATH": path},
        capture_output=True,
        text=True,
    )
    frugal, wasteful = map(int, done.stdout.split())
    assert frugal == 0 and wasteful >= 1000


def test_fleet_of_phones(tmp_path):
    """--count: they call each other in pairs; what they counted together is what came."""
    with Store(tmp_path / "hep.db") as store:
        with in_thread(Server(store, port=0)) as server:
            address = f"hep.capture_address=127.0.0.1:{server.port}"
            args = ["sim", "phone", "--count", "4", "--state", str(tmp_path / "s")]
            args += ["--set", address, "--set", "talk_ms=300", "--heap", "256K"]
            done = CliRunner().invoke(app, args)
        assert done.exit_code == 0, done.output
        assert "4 devices, 4 talked" in done.output
        sent, dropped = re.search(r"sent ([\d,]+), dropped (\d+)", done.output).groups()
        assert int(sent.replace(",", "")) == store.count() >= 28 and dropped == "0"
        calls = [call for call in store.calls(-1) if call.method == "INVITE"]
    assert sorted(call.from_user for call in calls) == ["phone-001", "phone-003"]
    assert sorted(call.to_user for call in calls) == ["phone-002", "phone-004"]
    assert {call.state for call in calls} == {"ended"}


def test_fleet_that_can_not_be(tmp_path):
    for args, said in (
        (["phone", "--count", "3"], "an even number can"),
        (["phone", "alice", "--count", "2"], "names them itself"),
        (["probe", "--count", "2"], "--count is for phones"),
        (["phone", "--count", "2", "--set", "x:talk_ms=1"], "'x'; a setting is of all phones"),
    ):
        done = CliRunner().invoke(app, ["sim", *args, "--state", str(tmp_path)])
        assert done.exit_code == 1 and said in done.output
