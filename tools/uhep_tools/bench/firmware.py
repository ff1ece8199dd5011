"""What a device's whole firmware takes: octets of .mpy in flash, and of heap after its start."""

from pathlib import Path
from tempfile import TemporaryDirectory

from uhep_tools.bench import goals, machine
from uhep_tools.board import release
from uhep_tools.sim import ROOT

_PARTS = ("agent", "board", "personality")
# Octets of heap that agent and personality may take on an ESP32; others have no goal.
_GOALS = {"phone": 80_000, "probe": 50_000}


def personalities() -> list[str]:
    """The names of those that a device can be."""
    names = (path.stem for path in (ROOT / "firmware/keys").glob("*.py"))
    return sorted(name for name in names if not name.startswith("_"))


def measure(names: list[str] | None = None) -> dict:
    """{"flash": octets by package, "heap": {personality: parts}, "left_out"}. Raises BenchError.

    The heap is that of the 32-bit WebAssembly build, whose objects have an ESP32's size: modules
    loaded from .mpy files of bytecode, no socket opened, no call up.
    """
    absent = machine.wasm_absent()
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
        release.compile_plain(Path(folder))
        empty, agent, board = (_heap(folder, stages, "phone") for stages in range(3))
        found = {}
        for name in names:
            whole = _heap(folder, 3, name)
            parts = dict(zip(_PARTS, (agent - empty, board - agent, whole - board), strict=True))
            held = parts["agent"] + parts["personality"]
            found[name] = {
                **parts,
                "sum": sum(parts.values()),
                "held": {"octets": held},
            }
            if name in _GOALS:
                found[name]["held"] |= goals.against(_GOALS[name], held)
        return found


def _heap(folder: str, stages: int, personality: str) -> int:
    names = {"stages": stages, "personality": personality}
    return machine.wasm(Path(folder), "boot_heap.py", names)["heap_octets"]
