"""What a device's whole firmware takes: octets of .mpy in flash, and of heap after its start."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from uhep_tools.bench import goals, machine, mpy
from uhep_tools.board import release
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
    size: modules loaded from .mpy files of bytecode (machine code is none of an ESP32's heap), the
    personality made with stand-ins for sockets, no call up and none that was; `calls`: what the
    first registration and the first calls load. `held` is agent and personality; `frozen`
    estimates what these take where all modules are part of the firmware (boards/*/manifest.py):
    without bytecode, constants and names.
    """
    absent = machine.board_absent()
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
        release.compile_into(Path(folder))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            heaps = pool.map(lambda name: _heap(Path(folder), name), names)
            return dict(zip(names, heaps, strict=True))


def _heap(folder: Path, personality: str) -> dict:
    names = {"stages": 6, "personality": personality}
    stages = machine.board_heap(folder, "boot_heap.py", names)[1:]

    def parts_of(octets: list[int]) -> dict:
        return {part: octets[after] - octets[before] for part, (before, after) in _PARTS.items()}

    parts = parts_of([stage["heap_octets"] for stage in stages])
    frozen = parts_of([stage["heap_octets"] - _in_flash(folder, stage) for stage in stages])
    held = {"octets": parts["agent"] + parts["personality"]}
    held["frozen"] = frozen["agent"] + frozen["personality"]
    if personality in _GOALS:
        held |= goals.against(_GOALS[personality], held["octets"])
    return {**parts, "sum": sum(parts.values()), "held": held}


def _in_flash(folder: Path, stage: dict) -> int:
    # What would not be on the heap, were the modules frozen into the firmware: an estimate.
    octets = stage["name_octets"]
    for name in stage["modules"]:
        path = folder / name.replace(".", "/")
        for file in path.with_suffix(".mpy"), path / "__init__.mpy":
            if file.exists():
                octets += mpy.loaded(file.read_bytes())
    return octets
