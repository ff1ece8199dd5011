"""deploy, secrets and console against a board at the end of a pty and of a socket."""

import hashlib
import json
import re
import subprocess
import threading

import pytest
import typer
from conftest import ROOT
from fake_board import FakeBoard
from rich.console import Console
from typer.testing import CliRunner
from uhep_tools.board import boards, cable, deploy, release
from uhep_tools.cli import app
from uhep_tools.commands import deploy as deploy_command
from uhep_tools.ports import free_pairs
from waiting import until

MADE = {}


def made(version):
    """A release for the fake board; the same one each time."""
    if version not in MADE:
        MADE[version] = release.build("unix", version)
    return MADE[version]


def uhep(*args, status=0, **options):
    done = CliRunner().invoke(app, [str(arg) for arg in args], **options)
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture(params=["pty", "socket"])
def board(request, micropython, tmp_path):
    made_ = FakeBoard(micropython, tmp_path, tcp=request.param == "socket")
    yield made_
    made_.close()


@pytest.fixture
def pty_board(micropython, tmp_path):
    made_ = FakeBoard(micropython, tmp_path)
    yield made_
    made_.close()


def configured():
    sip, rtp = free_pairs(2)
    settings = ["personality=phone", f"sip_port={sip}", f"rtp_port={rtp}", "ntp="]
    settings += ["hep.capture_address=127.0.0.1:9", "name=desk-17"]
    return [part for each in settings for part in ("--set", each)]


def on_device(board):
    return {
        path.relative_to(board.root).as_posix(): path.read_bytes()
        for path in board.root.rglob("*")
        if path.is_file()
    }


def test_a_blank_board(pty_board):
    """All of it onto a MicroPython that has nothing: it boots, and says so."""
    board = pty_board
    said = uhep("deploy", "--port", board.url, "--board", "WT32_ETH01", *configured())
    assert re.search(r"uhep why=boot version=0.1.0 slot=a reset=soft board=WT32_ETH01", said)
    assert "personality=phone address=127.0.0.1" in said
    files = on_device(board)
    assert files["slot"] == b"a" and files["a/release.txt"] == made("0.1.0").manifest
    assert not [path for path in files if path.endswith(".new")]
    assert board.boots == 2
    # Once more: nothing is sent but what differs.
    said = uhep("deploy", "--port", board.url, "--board", "WT32_ETH01")
    assert "0 files differ" in said and "slot a: 0 files sent (0 octets)" in said
    # Another configuration.
    said = uhep("deploy", "--port", board.url, *configured(), "--set", "talk_ms=7")
    assert "slot a: 1 files sent" in said
    assert json.loads(on_device(board)["device.json"])["talk_ms"] == 7
    # Another release: into the other slot, on trial; what is the same is copied there.
    said = uhep("deploy", "--port", board.url, "--version", "0.1.1")
    n = len(made("0.1.0").files)
    assert f"slot b: 0 files sent (0 octets), {n} copied on the device" in said
    assert "version=0.1.1 slot=b" in said and "trial=2" in said
    assert on_device(board)["slot"] == b"b a 2"


def install(board, new):
    """A release in slot a, without the cable."""
    files = {f"a/{path}": data for path, data in new.files.items()} | release.root_files()
    files |= {"a/release.txt": new.manifest, "slot": b"a"}
    files["board.json"] = deploy.on_device(boards.load("WT32_ETH01"))
    for path, data in files.items():
        file = board.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def small(version):
    """A release that only says which it is: what a deployment does is the same."""
    text = f"def run():\n    print('uhep why=boot version={version} ')\n"
    files = {"start.py": text.encode(), "crash.py": b"def keep(error):\n    pass\n"}
    files |= {f"uhep/part{i}.py": (f"{version} {i}\n" * 50 * i).encode() for i in range(1, 8)}
    return release.Release(version, "x64", files)


VERSIONS = "0.1.0", "0.2.0", "0.3.0"


@pytest.mark.soak
def test_pulled_at_any_moment(pty_board, cases, monkeypatch):
    """The cable and the power are pulled: it boots what it had, or all of what is new.

    At the beginning and in the middle of all that is sent: each file, each step between. The next
    deployment goes on from there. Three releases, so that there is always all of one to send.
    """
    board = pty_board
    run(board, "0.1.0")
    run(board, "0.2.0")
    points = []  # octets that have come before the cut
    ends = []  # or the end of a command
    plain = cable.Cable.run

    def noted(to, code):
        start = board.came - before
        told = plain(to, code)
        ends.append(board.came - before)
        points.extend((start + 1, (start + ends[-1]) // 2))
        return told

    with monkeypatch.context() as m:
        m.setattr(cable.Cable, "run", noted)
        before = board.came
        run(board, "0.3.0")
    points.append(ends[-1] + 1)  # in the reset
    assert len(points) > 2 * len(small("0.3.0").files) + 10
    n = cases(6, len(points))
    new = 0
    for i in range(n):
        runs = (board.root / "slot").read_text()
        there = [slots_version(board, slot) for slot in "ab"]
        target = next(v for v in VERSIONS if v not in there)
        board.cut = board.came + points[(2 * i + 1) * len(points) // (2 * n)]
        with pytest.raises(cable.CableError):
            run(board, target)
        assert board.cut is None
        board.said = b""
        board.power()
        found = boots(board)
        assert found in (there["ab".index(runs)], target)
        new += found == target
        run(board, target)
    # The switch comes last, before the reset.
    assert new == (n == len(points))


def slots_version(board, slot):
    return (board.root / slot / "release.txt").read_text().split()[4]


def boots(board):
    """The version that runs, which must be whole, and proves itself."""
    found = until(
        lambda: re.findall(rb"why=boot version=(\S+) ", board.said), lambda: board.said, 60
    )[-1].decode()
    slot = board.root / "slot"
    runs = slot.read_text()[0]
    assert slots_version(board, runs) == found
    for name in "ab":  # where there is a manifest, there is all of a release
        if (board.root / name / "release.txt").exists():
            for path, data in small(slots_version(board, name)).files.items():
                assert (board.root / name / path).read_bytes() == data, path
    slot.write_text(runs)
    return found


def run(board, version):
    """One deployment, and the reset after it."""
    new = small(version)
    with cable.Cable(board.url) as to:
        told = deploy.look(to)
        slot, todo = deploy.steps(told, new, None, {})
        deploy.deploy(to, told, new, slot, todo)
        board.said = b""
        to.reset()
    assert boots(board) == version


def starts(board, boots_before):
    """It runs again, by itself."""
    until(lambda: board.boots > boots_before and b"why=boot" in board.said, lambda: board.said)
    board.said = b""


def test_what_was_stopped_starts_again(pty_board, monkeypatch):
    """After each look, each change and each refusal: nobody stays at the prompt."""
    board = pty_board
    monkeypatch.setattr(release, "build", lambda chip, version="0.1.0": small(version))
    uhep("deploy", "--port", board.url, "--wait", 0)
    starts(board, 1)
    uhep("secrets", "set", "hep_key", "--port", board.url, "--value", "sesame")
    starts(board, 2)
    uhep("secrets", "list", "--port", board.url)
    starts(board, 3)
    with pytest.raises(cable.CableError), cable.Cable(board.url) as to:
        to.run("1/0")
    starts(board, 4)
    with pytest.raises(KeyboardInterrupt), cable.Cable(board.url) as to:
        to._to.exec_raw_no_follow("while True:\n pass")
        raise KeyboardInterrupt
    starts(board, 5)
    monkeypatch.setattr(cable, "_TOOLS", "raise MemoryError")
    said = uhep("deploy", "--port", board.url, status=1)
    assert "on the device: MemoryError" in said
    starts(board, 6)
    # What can be known before does not stop it at all.
    for args in (
        ("--version", "banana"),
        ("--version", ""),
        ("--board", "none"),
        ("--set", "name=1", "--set", "talk=1"),
    ):
        uhep("deploy", "--port", board.url, *args, status=1)
    assert board.boots == 7


def test_what_ran_gives_its_memory_back(pty_board):
    """A phone leaves hardly any of it; the watchdog waits all the same."""
    board = pty_board
    (board.root / "port.py").write_text(
        "held = bytearray(250000)\ndef at_console():\n    print('at console')\n"
    )
    (board.root / "main.py").write_text(
        "import sys, time\nsys.path.append('')\nimport port\nprint('it runs')\n"
        "while True:\n    time.sleep_ms(10)\n"
    )
    board.power()
    until(lambda: b"it runs" in board.said, lambda: board.said, 60)
    with cable.Cable(board.url) as to:
        assert b"at console" in board.said
        assert to.ask("print(gc.mem_free())") > 250000  # of 400K
        assert deploy.look(to)["files"].keys() == {"port.py", "main.py"}


def test_a_device_that_is_just_starting(micropython, tmp_path, monkeypatch):
    """It hears nothing for a moment: it is asked again, and answers once."""
    board = FakeBoard(micropython, tmp_path, tcp=True)
    monkeypatch.setattr(cable, "_PROMPT_S", 2.0)
    until(lambda: b">>> " in board.said, lambda: board.said)
    board._on.clear()

    def hear():
        until(lambda: board.came >= 4, lambda: board.came, 60)  # Ctrl-C, Ctrl-A
        board._on.set()

    late = threading.Thread(target=hear)
    late.start()
    try:
        with cable.Cable(board.url) as to:
            assert to.ask("print(1)") == 1 and to.ask("print(2)") == 2
    finally:
        late.join()
        board.close()


@pytest.mark.parametrize("cut", [False, True])
def test_a_release_on_trial_is_replaced(pty_board, cut):
    """Not the other one, which is all that the device can go back to."""
    board = pty_board
    run(board, "0.1.0")
    run(board, "0.2.0")
    (board.root / "slot").write_text("b a 2")
    if cut:
        board.cut = board.came + 4000
        with pytest.raises(cable.CableError):
            run(board, "0.3.0")
        assert not (board.root / "b/release.txt").exists()
        board.said = b""
        board.power()
        assert boots(board) == "0.1.0"
    run(board, "0.3.0")
    assert [slots_version(board, slot) for slot in "ab"] == ["0.1.0", "0.3.0"]


@pytest.mark.parametrize(
    "slot, whole, runs, proven",
    [
        ("", "", None, None),
        ("", "b", "b", "b"),
        ("a", "ab", "a", "a"),
        ("a", "b", "b", "b"),
        ("b a 2", "ab", "b", "a"),
        ("b a 2", "a", "a", "a"),
        ("b a 2", "b", "b", "b"),
        ("a b", "ab", "a", "a"),
    ],
)
def test_which_slot_is_written(slot, whole, runs, proven):
    there = {f"{name}/release.txt": "" for name in whole}
    told = {"slot": slot, "files": there}
    assert deploy._slots(told) == (runs, proven)
    assert deploy.steps(told, small("0.1.0"), None, {})[0] == ("b" if proven == "a" else "a")


def test_what_the_device_refuses(pty_board):
    with cable.Cable(pty_board.url) as to:
        with pytest.raises(cable.CableError, match="on the device: ZeroDivisionError"):
            to.run("1/0")
        told = deploy.look(to)
        assert told["arch"] == "x64" and told["files"] == {} and told["free"] > 0
        with pytest.raises(deploy.DeployError, match=r"octets are needed, 10 are free"):
            slot, todo = deploy.steps(told, small("0.1.0"), None, {})
            deploy.deploy(to, told | {"free": 10}, small("0.1.0"), slot, todo)
    assert not on_device(pty_board)


def test_only_the_version_differs():
    """No file is sent but the manifest, and the slot is tried."""
    files = {"start.py": b"1", "uhep/agent.py": b"2"}
    old, new = (release.Release(version, "x64", files) for version in ("0.1.0", "0.2.0"))
    there = {f"{slot}/{path}": data for slot in "ab" for path, data in files.items()}
    there |= {f"{slot}/release.txt": old.manifest for slot in "ab"} | release.root_files()
    told = {"slot": "a", "free": 1 << 20, "sizes": {path: len(d) for path, d in there.items()}}
    told["files"] = {path: hashlib.sha256(data).hexdigest() for path, data in there.items()}

    class Cable:
        def __init__(self):
            self.done = []

        def run(self, code):
            self.done.append(code)

        def ask(self, code):
            return {}, {path: (digest, 1) for path, digest in told["files"].items()}

        def put(self, path, data):
            self.done.append((path, data))

    to = Cable()
    slot, todo = deploy.steps(told, new, None, {})
    assert (slot, todo) == ("b", [])
    deploy.deploy(to, told, new, slot, todo)
    assert to.done[0] == "os.remove('b/release.txt')"
    assert to.done[-2:] == [("b/release.txt", new.manifest), ("slot", b"b a 3")]


def test_room_on_the_device():
    """Counted in blocks, less those of what is replaced: a file is beside its old one first."""
    new = release.Release("0.2.0", "x64", {f"m{i}.mpy": b"2" * 5000 for i in range(20)})
    there = {f"{slot}/m{i}.mpy": 4097 for slot in "ab" for i in range(20)}
    there |= {f"{slot}/release.txt": 1500 for slot in "ab"} | {"b/gone.mpy": 9000, "slot": 1}
    there |= dict.fromkeys(release.root_files(), 1)
    told = {"slot": "a", "files": dict.fromkeys(there, "old"), "sizes": there}
    slot, todo = deploy.steps(told, new, None, {})

    class Begun(Exception):
        pass

    class Cable:
        def run(self, code):
            raise Begun

    def tried(free):
        deploy.deploy(Cable(), told | {"free": free}, new, slot, todo)

    # Two blocks for a file that is new beside the old one; four are freed by what goes first.
    with pytest.raises(Begun):
        tried(0)
    del there["b/gone.mpy"], there["b/release.txt"], told["files"]["b/gone.mpy"]
    del told["files"]["b/release.txt"]
    with pytest.raises(deploy.DeployError, match="8,192 octets are needed, 4,096 are free"):
        tried(4096)
    with pytest.raises(Begun):
        tried(8192)
    # A blank one: 20 of two blocks, boot.py and main.py, the manifest, a folder.
    told |= {"slot": "", "files": {}, "sizes": {}}
    slot, todo = deploy.steps(told, new, None, {})
    with pytest.raises(deploy.DeployError, match="184,320 octets are needed, 180,224 are free"):
        tried(44 * 4096)
    with pytest.raises(Begun):
        tried(45 * 4096)


class Usb:
    def __init__(self, device, vid):
        self.device, self.vid = device, vid


def test_the_board_at_usb(monkeypatch):
    """The one that is there: a modem or the computer's own port is none."""
    ports = [Usb("/dev/ttyS0", None), Usb("/dev/ttyACM0", 0x12D1)]
    monkeypatch.setattr(cable.list_ports, "comports", lambda: ports)
    with pytest.raises(cable.CableError, match="no board is connected by USB"):
        cable.find_port()
    ports.append(Usb("/dev/ttyUSB0", 0x10C4))
    assert cable.find_port() == "/dev/ttyUSB0"
    ports.append(Usb("/dev/ttyACM1", 0x303A))
    with pytest.raises(cable.CableError, match="several .* --port: /dev/ttyUSB0, /dev/ttyACM1"):
        cable.find_port()


def test_a_file_is_the_old_or_the_new_one(pty_board):
    """Pulled between two pieces of one, a file that runs is as it was."""
    old, new = b"old" * 1000, b"new" * 1000
    with cable.Cable(pty_board.url) as to:
        to.put("device.json", old)
        pieces = []

        def first_gone(n):
            pieces.append(n)
            pty_board.cut = pty_board.came + 1

        with pytest.raises(cable.CableError):
            to.put("device.json", new, first_gone)
    assert len(pieces) == 1 and on_device(pty_board)["device.json"] == old


def test_what_does_not_arrive_as_it_was_sent(pty_board):
    """Each file is compared where it is, before its slot counts as whole."""
    made_ = small("0.1.0")
    with cable.Cable(pty_board.url) as to:
        told = deploy.look(to)
        slot, todo = deploy.steps(told, made_, None, {})

        def damage(path, octets):
            if path.endswith("part7.py"):
                (pty_board.root / "a/crash.py").write_bytes(b"#")

        with pytest.raises(cable.CableError, match="a/crash.py is not on the device as it was"):
            deploy.deploy(to, told, made_, slot, todo, damage)
    assert "a/release.txt" not in on_device(pty_board) and "slot" not in on_device(pty_board)


@pytest.mark.parametrize(
    "board, machine, fits",
    [
        ("WT32_ETH01", "Generic ESP32 module with ESP32", True),
        ("M5STACK_ATOM_ECHO", "M5 Stack ATOM with ESP32-PICO-D4", True),
        ("LILYGO_T_ETH_LITE_S3", "Generic ESP32S3 module with ESP32S3", True),
        ("LILYGO_T_ETH_LITE_S3", "Board with ESP32-S3-FN8", True),
        ("ESP32_C3_DEVKIT", "ESP32C3 module with ESP32C3", True),
        ("WT32_ETH01", "linux [GCC 12.2.0] version", True),
        ("LILYGO_T_ETH_LITE_S3", "Generic ESP32 module with ESP32", False),
        ("WT32_ETH01", "Generic ESP32S3 module with ESP32S3", False),
        ("WT32_ETH01", "ESP32C3 module with ESP32C3", False),
    ],
)
def test_the_board_is_of_the_chip(board, machine, fits):
    described = boards.load(board)
    if fits:
        deploy.check_chip({"machine": machine}, described)
    else:
        with pytest.raises(deploy.DeployError, match=f"{board} has an esp32.*: {machine}"):
            deploy.check_chip({"machine": machine}, described)


@pytest.mark.parametrize(
    "told, said",
    [
        ({"version": (1, 25, 0)}, "has MicroPython 1.25.0; uhep needs 1.26 or newer"),
        ({"mpy": 2 << 10 | 5}, "uhep needs 1.26"),
        ({"mpy": 3 << 10 | 6}, "no machine code for Board"),
    ],
)
def test_a_device_that_is_too_old(told, said):
    class Old:
        def ask(self, code):
            return {"mpy": 2 << 10 | 6, "version": (1, 27, 0), "machine": "Board"} | told, {}

    with pytest.raises(deploy.DeployError, match=said):
        deploy.look(Old())


def test_no_device(monkeypatch):
    monkeypatch.setattr(cable, "_PROMPT_S", 0.3)
    assert "no prompt of MicroPython" in uhep(
        *("deploy", "--port", "loop://", "--wait", 0), status=1
    )
    said = uhep("deploy", "--port", "/dev/none", status=1)
    assert said == "uhep deploy: /dev/none: there is no such port\n"
    for url in "/dev/none", "socket://127.0.0.1:1", "none://x":
        said = uhep("console", "--port", url, "--seconds", 1, status=1)
        assert said.startswith(f"uhep console: {url}: "), said
    monkeypatch.setattr(cable.os, "access", lambda path, mode: False)
    said = uhep("console", "--port", "/dev/null", status=1)
    assert "/dev/null: you may not open it; is your user in the group dialout?" in said


def test_a_device_that_does_not_report(pty_board, monkeypatch):
    """Its last lines are shown."""
    install(pty_board, made("0.1.0"))
    (pty_board.root / "main.py").write_text("")
    start = b"print('what is this?')\nraise ValueError('broken')\n"
    broken = release.Release("0.1.0", "x64", {"start.py": start, "crash.py": b""})
    monkeypatch.setattr(release, "build", lambda chip, *version: broken)
    log = cable.log

    def shorter(url, seconds, port=None):
        # All that it says until it starts again; the rest of the time passes at once.
        assert seconds == 8
        for line in log(url, 60, port):
            yield line
            if line.startswith("main: starting again"):
                return

    monkeypatch.setattr(cable, "log", shorter)
    said = uhep("deploy", "--port", pty_board.url, "--wait", 8, status=1)
    assert "no boot report within 8 s" in said and "what is this?" in said
    assert "ValueError: broken" in said


def test_safe_mode_is_no_success(capsys):
    lines = ["safe mode: three crashes in a row", "network: 192.0.2.21"]
    boot = "uhep why=boot version=0.1.0 slot=a personality=%s address=192.0.2.21"
    deploy_command._await(Console(), [*lines, boot % "phone"], "0.1.0", 1)
    with pytest.raises(typer.Exit):
        deploy_command._await(Console(), [*lines, boot % "safe"], "0.1.0", 1)
    said = capsys.readouterr().err
    assert said == "uhep deploy: the device is in safe mode: three crashes in a row\n"


def test_a_log_ends(pty_board):
    """After the time that it was given, and when its port does not come back."""
    assert list(cable.log("loop://", 0.1)) == []
    with cable.Cable(pty_board.url) as to:
        assert list(to.lines(0.1)) == []

    class Gone:
        in_waiting = 0

        def read(self, n):
            raise OSError("gone")

    assert list(cable.log("/dev/none", 0.1, Gone())) == []
    with pytest.raises(cable.CableError, match="/dev/none: gone"):
        list(cable.log("/dev/none", None, Gone()))
    for seconds in 0.1, None:
        with pytest.raises(cable.CableError, match="/dev/none: there is no such port"):
            list(cable.log("/dev/none", seconds))


def test_secrets(board, tmp_path):
    """They go to NVS, and are in no file, no output and no log."""
    nvs = board.root.parent / "nvs-uhep.json"
    install(board, small("0.1.0"))
    said = uhep("secrets", "set", "hep_key", "--port", board.url, input="sesame\nsesame\n")
    assert "hep_key is in the device's NVS" in said
    uhep("secrets", "set", "wifi_key", "--port", board.url, env={"UHEP_SECRET": "pass word 12"})
    assert json.loads(nvs.read_text()) == {"hep_key": "sesame", "wifi_key": "pass word 12"}
    listed = uhep("secrets", "list", "--port", board.url)
    assert listed.splitlines() == [
        "hep_key: set",
        "sip_password: not set",
        "sip_password2: not set",
        "wifi_key: set",
    ]
    uhep("secrets", "forget", "wifi_key", "--port", board.url)
    assert json.loads(nvs.read_text()) == {"hep_key": "sesame"}
    install(board, made("0.1.0"))
    said += uhep("deploy", "--port", board.url, *configured())
    until(lambda: b"why=boot" in board.said, lambda: board.said)
    for octets in (said.encode(), board.said, *on_device(board).values()):
        assert b"sesame" not in octets and b"pass word" not in octets


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("root_password", "x", "there is no secret 'root_password'; there are: hep_key"),
        ("wifi_key", "x" * 256, "wifi_key must be 1 to 255 printable characters"),
        ("wifi_key", "a\nb", "wifi_key must be 1 to 255 printable characters"),
        ("hep_key", "se'same", "capture_password: that is not possible"),
    ],
)
def test_what_can_be_no_secret(name, value, said):
    output = uhep("secrets", "set", name, "--port", "loop://", "--value", value, status=1)
    assert said in output and "se'same" not in output


def test_no_secret_is_asked_for_in_vain(monkeypatch):
    monkeypatch.setattr(cable.list_ports, "comports", lambda: [])
    said = uhep("secrets", "set", "wifi_key", status=1, input="sesame\nsesame\n")
    assert said.startswith("uhep secrets: no board is connected by USB")


def test_the_console(board):
    (board.root / "main.py").write_text(
        "import time\nfor i in range(200):\n    print('line', i, chr(27))\n    time.sleep_ms(50)\n"
    )
    board.power()
    said = uhep("console", "--port", board.url, "--seconds", 1)
    lines = [line for line in said.splitlines() if line.startswith("line ")]
    assert len(lines) > 1 and "\x1b" not in said


def test_noise_on_the_console(micropython):
    """Of a line that nobody is at: the device goes on, and takes the next command."""
    script = (
        "import console, time\ndone = []\n"
        "c = console.Console(lambda: {'stop': ('', '', done.append)})\n"
        "while not done:\n c.poll()\n time.sleep_ms(1)\nprint('stopped')"
    )
    done = subprocess.run(
        [micropython, "-c", script],
        env={"MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
        input=b"\xff\n\xe2\x82\nstop\n",
        capture_output=True,
        timeout=60,
    )
    assert done.stdout.split(b"\n")[-2:] == [b"stopped", b""], done
