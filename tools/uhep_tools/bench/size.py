"""What the agent weighs: octets of .mpy files, and of heap on a 32-bit build."""

from pathlib import Path
from tempfile import TemporaryDirectory

from uhep_tools.bench import goals, machine
from uhep_tools.board import release, rp2040

LEVELS = {"default": (), "O3": ("-O3",)}  # options of mpy-cross
_PLAIN = "uhep._plain"
_NATIVE = "uhep._native"
# The first is let go again once the agent is made, the second comes when it is asked for.
_PASSING = ("uhep.config", "uhep.stats")
_BOARD = "-march=xtensawin"
_SMALL_INT = "-msmall-int-bits=31"
_RING = 8192  # octets, by default


def measure() -> dict:
    """The files by level of optimisation, and the heap. Raises BenchError.

    Without the 32-bit build or the emulated board, `heap` or `board` is empty and `left_out`
    says why.
    """
    absent = machine.wasm_absent()
    if absent:
        modules = machine.unix("imports.py")["modules"]
    else:
        modules = machine.wasm(machine.LIB, "imports.py")["modules"]
    with TemporaryDirectory() as folder:
        return {
            "mpy": {
                level: _files(modules, Path(folder) / level, options)
                for level, options in LEVELS.items()
            },
            "heap": {} if absent else _heaps(modules, Path(folder)),
            "board": {} if rp2040.absent() else _on_board(Path(folder)),
            "left_out": absent or rp2040.absent(),
        }


def _files(modules: list[str], folder: Path, options: tuple[str, ...]) -> dict:
    octets = {name: machine.compile_mpy(name, folder, *options) for name in modules}
    native = machine.compile_mpy(_NATIVE, folder, _BOARD, *options)
    total = sum(octets.values())
    return {
        "modules": octets,
        "native": native,
        "sum": _octets(total, goals.MPY_OCTETS),
        "sum_that_stays": _octets(
            total - sum(octets[name] for name in _PASSING), goals.MPY_OCTETS
        ),
        "sum_with_native": _octets(total - octets[_PLAIN] + native, goals.MPY_OCTETS),
    }


def _heaps(modules: list[str], folder: Path) -> dict:
    found = {}
    for level, options in LEVELS.items():
        lib = folder / f"{level}-31"
        for name in modules:
            machine.compile_mpy(name, lib, _SMALL_INT, *options)
        found[f"mpy_{level}"] = _heap(lib)
    found["py"] = _heap(machine.LIB)
    return found


def _on_board(folder: Path) -> dict:
    """The same on a board of 32 bits, whose own names the agent need not bring."""
    found = {}
    for path, arch in ("bytecode", None), ("machine code", rp2040.ARCH):
        lib = folder / path
        release.compile_into(lib, arch)
        before, after = machine.board_heap(lib, "configure.py")
        found[path] = after["heap_octets"] - before["heap_octets"] - _RING
    return found


def _heap(lib: Path) -> dict:
    """What stays after import and configuration, but for the ring's own octets."""
    left = machine.wasm(lib, "configure.py")
    return _octets(left["heap_octets"] - left["ring"], goals.HEAP_OCTETS)


def _octets(value: int, goal: int) -> dict:
    return {"octets": value, **goals.against(goal, value)}
