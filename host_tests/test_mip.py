"""The packages of mip: what `mpremote mip install` puts onto a board works there."""

import json
import subprocess

import pytest
from conftest import ROOT
from mpremote import mip
from uhep_tools.board import packages

PACKAGES = packages.packages()


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
def install(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)

    def install(*names):
        for name in names:
            mip._install_package(Board(tmp_path), f"./{name}", "", "/lib", None, True)
        return tmp_path / "lib"

    return install


@pytest.mark.parametrize("name", PACKAGES)
def test_every_file_is_listed(name):
    assert (ROOT / name).read_text() == packages.text(PACKAGES[name]), (
        f"{name} does not list what is there: .venv/bin/python -m uhep_tools.board.packages"
    )
    for _, source in json.loads((ROOT / name).read_text())["urls"]:
        assert ((ROOT / name).parent / source).is_file()


def test_voice_quality_is_a_package_of_its_own():
    alone = {target for target, _ in PACKAGES["package.json"]["urls"]}
    more = {target for target, _ in PACKAGES["package-quality.json"]["urls"]}
    assert alone < more and not {"uhep/host.py", "uhep/hoststreams.py"} & more
    assert {"uhep/rtcp.py", "uhep/rtpstats.py", "uhep/jitter.py"} <= more - alone
    # Nothing of the smaller one needs what only the larger one has.
    for name in alone:
        assert not set(packages.imports(name)) & (more - alone), name


def run(micropython, lib, script):
    done = subprocess.run(
        [micropython, "-c", script],
        env={"MICROPYPATH": f"{lib}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert not done.stderr, done.stderr
    return done.stdout


AGENT = (
    "from uhep import Agent, OUT\n"
    "a = Agent({'capture_address': '127.0.0.1:9'})\n"
    "f = a.flow(('192.0.2.10', 5060), ('2001:db8::1', 5060))\n"
    "print(a.capture(f, OUT, b'OPTIONS', 7), a.stats()['waiting'])\n"
    "import uhep.tap, uhep.stream, uhep.aio\n"
)


def test_uhep_alone(install, micropython):
    lib = install("package.json")
    # With what is only loaded when it is asked for.
    more = "f = a.flow(('192.0.2.10', 5060), ('192.0.2.11', 5060), chunks={18: 7})\n"
    assert run(micropython, lib, AGENT + more) == "True 1\n"
    assert not (lib / "uhep/rtcp.py").exists()


def test_uhep_with_quality(install, micropython):
    lib = install("package-quality.json")
    imports = "import uhep.rtcp, uhep.rtpstats, uhep.rtcpasterisk\n"
    assert run(micropython, lib, AGENT + imports) == "True 1\n"


def test_usip(install, micropython):
    """It stands on uhep with voice quality: RTP is counted there."""
    lib = install("package-quality.json", "lib/usip/package.json")
    modules = [target for target, _ in PACKAGES["lib/usip/package.json"]["urls"]]
    names = [name.removesuffix(".py").replace("/", ".") for name in modules]
    names = [name.removesuffix(".__init__") for name in names]
    script = "".join(f"import {name}\n" for name in names)
    assert run(micropython, lib, script + "print('all')") == "all\n"
