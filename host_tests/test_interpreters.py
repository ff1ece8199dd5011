"""The agent's own tests on the interpreters that test_device.py does not reach.

Its hot path exists twice, as machine code and as bytecode. test_device.py runs the tests of
device/test_capture_*.py on CPython (bytecode) and on the unix port (machine code); here the
same files run on the unix port with the bytecode, and on a 32-bit build with ints of 31 bits,
as on an ESP32.
"""

import functools
import os
import subprocess
import sys

import pytest
from conftest import NPM, ROOT
from test_device import DEVICE, each_test

WASM = NPM / "@micropython/micropython-webassembly-pyscript/micropython.mjs"
# The socket module that the 32-bit build lacks is not used in these; a file system it has.
CAPTURE = list(each_test("test_capture_*.py"))


def unix(micropython, script, *args):
    """The output of a script of device/ under the unix port."""
    return _output([micropython, "-X", "heapsize=1M", str(DEVICE / script), *args])


def wasm(script, *args):
    """The output of a script of device/ under the 32-bit build."""
    return _output(
        ["node", str(ROOT / "host_tests/wasm.mjs"), str(WASM), str(ROOT / "lib"), str(DEVICE)]
        + [script, *args]
    )


def _output(command):
    done = subprocess.run(
        command,
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=900,
    )
    return done.stdout


@functools.cache
def _plain(micropython, module):
    return unix(micropython, "run.py", module, "plain")


@functools.cache
def _wasm(module):
    return wasm("run.py", module)


@pytest.mark.parametrize("module, name", CAPTURE)
def test_unix_bytecode(micropython, module, name):
    output = _plain(micropython, module)
    assert f"PASS {name}\n" in output, output


@pytest.mark.peer("wasm")
@pytest.mark.parametrize("module, name", CAPTURE)
def test_32_bit(module, name):
    output = _wasm(module)
    assert f"PASS {name}\n" in output, output


@pytest.mark.parametrize(
    "module, fast, plain",
    [
        ("uhep.agent", "uhep._native", "uhep._plain"),
        ("uhep.framer", "uhep._lines", "uhep.lines"),
        ("uhep.filter", "uhep._hash", "uhep.rollsum"),
        ("uhep.redact", "uhep._secrets", "uhep.secrets"),
        ("usip.g711", "usip._viper", "usip._plain"),
        ("stereo", "_pairs", "pairs"),
    ],
)
def test_no_memory_for_machine_code(micropython, module, fast, plain):
    """A board has its own for that: where it is full, the bytecode does."""
    code = (
        "import sys\nclass Full:\n  def __getattr__(self, name):\n    raise MemoryError\n"
        f"sys.modules[{fast!r}] = Full()\nsys.path.append({str(ROOT / 'firmware')!r})\n"
        f"import {module}\nprint({plain!r} in sys.modules)"
    )
    assert _output([micropython, "-c", code]) == "True\n"


@pytest.mark.parametrize("more", ["", "native = viper = const\n"])
def test_a_stand_in_for_the_module_micropython(tmp_path, more):
    """Who tests a device's code under CPython has one of his own: the bytecode does."""
    (tmp_path / "micropython.py").write_text("const = lambda x: x\n" + more)
    code = (
        f"import sys\nsys.path[:0] = [{str(tmp_path)!r}, {str(ROOT / 'lib')!r}]\n"
        "import micropython, uhep.filter, uhep.redact, uhep.stream\n"
        "print(sorted(n for n in sys.modules if n in ('uhep._plain', 'uhep.lines')))"
    )
    assert _output([sys.executable, "-c", code]) == "['uhep._plain', 'uhep.lines']\n"


@pytest.mark.soak
def test_machine_code_and_bytecode_agree(micropython, cases):
    """Damaged messages of every kind become the same packets and counters."""
    count = str(cases(3000, 500000))
    native = unix(micropython, "twins.py", count)
    assert native.count("\n") == 2 and "'captured'" in native, native
    assert unix(micropython, "twins.py", count, "plain") == native
    assert unix(micropython, "twins.py", "2999") != native  # one packet less is seen


@pytest.mark.soak
@pytest.mark.peer("wasm")
def test_32_bit_agrees(micropython, cases):
    """With ints of 31 bits as well, across the wraps of ticks."""
    count = str(cases(3000, 100000))
    native = unix(micropython, "twins.py", count)
    assert "'captured'" in native
    assert wasm("twins.py", count) == native
