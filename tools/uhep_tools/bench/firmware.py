"""What a device's whole firmware takes: octets of .mpy in flash, and of heap after its start."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from uhep_tools.bench import goals, machine, mpy
from uhep_tools.board import release, rp2040
from uhep_tools.sim import ROOT

# A part, and the stages of device/boot_heap.py before and after it.
_PARTS = {"agent": (0, 1), "board": (2, 3), "personality": (3, 4), "calls": (4, 5)}
# Octets of heap that agent and personality may take on an ESP32; others have no goal.
_GOALS = {"phone": 80_000, "probe": 50_000}


def personalities() -> list[str]:
    """The names of those that a device can be."""
    names = (path.stem for path in (ROOT / "firmware/keys").glob("*.py"))
    return sorted(name for name in names if not name.startswith("_"))


def measure(names: list[str] | None = None) -> dict:
    """{"flash": octets by package, "heap": {personality: parts}, "left_out"}. Raises BenchError.

    The heap is that of a board of 32 bits, an emulated RP2040, whose objects have an ESP32's
    size: modules loaded from .mpy files, without their machine code, which an ESP32 has outside
    of the heap; the personality made with stand-ins for sockets, no call up and none that was;
    `calls`: what the first registration and the first calls load. `held` is agent and
    personality; `frozen` estimates what these take where all modules are part of the firmware
    (boards/*/manifest.py): without bytecode, constants and names.
    """
    absent = rp2040.absent()
    return {
        "flash": _flash(),
        "heap": {} if absent else _heaps(names or personalities()),
        "left_out": absent,
    }


def _flash() -> dict:
    found: dict[str, int] = {}
    for path, data in release.build("esp32").files.items():
        package = path.split("/")[0] if path.startswith(("uhep/", "usip/")) else "firmware"
        found[package] = found.get(package, 0) + len(data)
    return found | {"sum": sum(found.values())}


def _heaps(names: list[str]) -> dict:
    with TemporaryDirectory() as folder:
        release.compile_into(Path(folder), rp2040.ARCH)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            heaps = pool.map(lambda name: _heap(Path(folder), name), names)
            return dict(zip(names, heaps, strict=True))


def _heap(folder: Path, personality: str) -> dict:
    names = {"stages": 6, "personality": personality}
    stages = machine.board_heap(folder, "boot_heap.py", names)[1:]

    def parts_of(octets: list[int]) -> dict:
        return {part: octets[after] - octets[before] for part, (before, after) in _PARTS.items()}

    found = [_files(folder, stage) for stage in stages]
    octets = [
        stage["heap_octets"] - sum(map(mpy.machine_code, files))
        for stage, files in zip(stages, found, strict=True)
    ]
    parts = parts_of(octets)
    # What would not be on the heap, were the modules frozen into the firmware: an estimate.
    in_flash = [
        stage["name_octets"] + sum(map(mpy.loaded, files))
        for stage, files in zip(stages, found, strict=True)
    ]
    frozen = parts_of([n - gone for n, gone in zip(octets, in_flash, strict=True)])
    held = {"octets": parts["agent"] + parts["personality"]}
    held["frozen"] = frozen["agent"] + frozen["personality"]
    if personality in _GOALS:
        held |= goals.against(_GOALS[personality], held["octets"])
    return {**parts, "sum": sum(parts.values()), "held": held}


def _files(folder: Path, stage: dict) -> list[bytes]:
    """The .mpy files of the modules that are loaded."""
    paths = [folder / name.replace(".", "/") for name in stage["modules"]]
    files = [file for path in paths for file in (path.with_suffix(".mpy"), path / "__init__.mpy")]
    return [file.read_bytes() for file in files if file.exists()]
