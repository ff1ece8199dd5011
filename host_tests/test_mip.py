"""package.json: what `mpremote mip install ./package.json` puts onto a board works there."""

import json
import subprocess

import pytest
from conftest import ROOT
from mpremote import mip

PACKAGE = json.loads((ROOT / "package.json").read_text())
NOT_FOR_BOARDS = {"host.py", "hoststreams.py"}  # CPython's


class Board:
    """mpremote's transport to a board whose file system is a folder."""

    def __init__(self, root):
        self.root = root

    def fs_exists(self, path):
        return (self.root / path.lstrip("/")).exists()

    def fs_mkdir(self, path):
        (self.root / path.lstrip("/")).mkdir()

    def fs_writefile(self, path, data, progress_callback=None):
        (self.root / path.lstrip("/")).write_bytes(data)


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    mip._install_package(Board(tmp_path), "./package.json", "", "/lib", None, True)
    return tmp_path


def test_every_file_is_listed():
    listed = {target for target, _ in PACKAGE["urls"]}
    there = {f"uhep/{p.name}" for p in (ROOT / "lib/uhep").glob("*.py")}
    assert listed == there - {f"uhep/{name}" for name in NOT_FOR_BOARDS}


def test_installed_it_captures(board, micropython):
    script = (
        "from uhep import Agent, OUT\n"
        "a = Agent({'capture_address': '127.0.0.1:9'})\n"
        "f = a.flow(('192.0.2.10', 5060), ('2001:db8::1', 5060))\n"
        "print(a.capture(f, OUT, b'OPTIONS', 7), a.stats()['waiting'])\n"
        "import uhep.tap, uhep.stream, uhep.aio\n"
    )
    done = subprocess.run(
        [micropython, "-c", script],
        env={"MICROPYPATH": f"{board / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "True 1\n", done.stderr
