"""A release onto a device over the cable: only what differs.

Into the slot that does not run; if what runs is on trial, over that: the other has proven itself.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uhep_tools.board import release
from uhep_tools.board.cable import Cable, CableError
from uhep_tools.board.image import on_device

# What is on the device: interpreter, slots, and the SHA-256 and octets of each file. Printed as
# it is found: there may be no room for all of it.
_LOOK = """
def walk(folder):
    try:
        names = os.listdir(folder or '.')
    except OSError:
        return
    for name in names:
        path = folder + '/' + name if folder else name
        s = os.stat(path)
        if s[0] & 0x4000:
            if folder:
                walk(path)
        elif not name.endswith('.new'):
            print('%r: (%r, %d),' % (path, uhep_digest(path), s[6]))
slot = ''
try:
    with open('slot') as f:
        slot = f.read()
except OSError:
    pass
s = os.statvfs('.')
print({'mpy': getattr(sys.implementation, '_mpy', 0), 'version': tuple(sys.implementation[1][:3]),
       'machine': sys.implementation._machine, 'slot': slot, 'free': s[0] * s[3]}, ',{')
walk('')
walk('a')
walk('b')
print('}')
"""
_COPY = """
def copy(a, b):
    with open(a, 'rb') as f:
        with open(b + '.new', 'wb') as g:
            d = f.read(512)
            while d:
                g.write(d)
                d = f.read(512)
    os.rename(b + '.new', b)
copy(%r, %r)
"""
_ARCHES = {6: "armv7emsp", 10: "xtensawin", 11: "rv32imc", 2: "x64"}


class DeployError(Exception):
    """What stands in the way; the device runs what it ran before."""


@dataclass
class Done:
    """What a deployment did: files sent, copied on the device, there already; octets sent."""

    slot: str
    sent: int = 0
    copied: int = 0
    kept: int = 0
    octets: int = 0


@dataclass(frozen=True)
class Step:
    """One file: its path on the device, its content, where on the device it is too (or None)."""

    path: str
    data: bytes
    twin: str | None


def look(cable: Cable) -> dict[str, Any]:
    """What is on the device. Raises CableError, DeployError for a MicroPython too old."""
    told, there = cable.ask(_LOOK)
    told["files"] = {path: digest for path, (digest, _) in there.items()}
    told["sizes"] = {path: octets for path, (_, octets) in there.items()}
    if told["mpy"] & 255 != release.MPY or told["version"] < (1, 26):
        version = ".".join(map(str, told["version"]))
        raise DeployError(f"the device has MicroPython {version}; uhep needs 1.26 or newer")
    told["arch"] = _ARCHES.get(told["mpy"] >> 10 & 15)
    if told["arch"] not in release.ARCHES.values():
        raise DeployError(f"there is no machine code for {told['machine']}")
    return told


def check_chip(told: dict[str, Any], board: dict[str, Any]) -> None:
    """Raises DeployError for a board whose chip is not the device's, where it tells an ESP32."""
    has = re.search(r" with ESP32-?([A-Z]\d)?", told["machine"])
    if has and board["chip"] != "esp32" + (has[1] or "").lower():
        raise DeployError(
            f"{board['id']} has an {board['chip']}, but the device is: {told['machine']}"
        )


def steps(
    told: dict[str, Any],
    made: release.Release,
    board: dict[str, Any] | None,
    settings: dict[str, bytes],
) -> tuple[str, list[Step]]:
    """(slot, what has to be written in this order). settings: device.json, hep.json."""
    running, proven = _slots(told)
    slot = "b" if proven == "a" else "a"
    there = told["files"]
    if running and there[f"{running}/release.txt"] == _sha(made.manifest):
        slot = running  # nothing of the release differs
    # None in the slot that is written: it may be another file by then.
    twins = {digest: path for path, digest in there.items() if path[:2] != f"{slot}/"}
    todo = [
        Step(f"{slot}/{path}", data, twins.get(_sha(data)))
        for path, data in sorted(made.files.items())
        if there.get(f"{slot}/{path}") != _sha(data)
    ]
    root = dict(settings)
    if board:
        root["board.json"] = on_device(board)
    root |= release.root_files()
    todo += [Step(p, data, None) for p, data in root.items() if there.get(p) != _sha(data)]
    return slot, todo


def deploy(
    cable: Cable,
    told: dict[str, Any],
    made: release.Release,
    slot: str,
    todo: list[Step],
    progress: Callable[[str, int], None] = lambda path, octets: None,
) -> Done:
    """Write it, check it, and let the next boot run it. Raises CableError, DeployError.

    Until the last step the device would start what it had; a new release is on trial then.
    """
    done = Done(slot, kept=len(made.files) - sum(s.path.startswith(f"{slot}/") for s in todo))
    fresh = told["files"].get(f"{slot}/release.txt") != _sha(made.manifest) or any(
        step.path.startswith(f"{slot}/") for step in todo
    )
    goes = []  # first of all the manifest: without it the slot does not count
    if fresh:
        there = {path for path in told["files"] if path.startswith(f"{slot}/")}
        goes = sorted(there & {f"{slot}/release.txt"})
        goes += sorted(there - {f"{slot}/{path}" for path in made.files} - set(goes))
    need = _need(told, made, slot, todo, goes) if todo else 0
    if need > told["free"]:
        raise DeployError(f"{need:,} octets are needed, {told['free']:,} are free on the device")
    for path in goes:
        cable.run(f"os.remove({path!r})")
    if fresh:
        _folders(cable, slot, made)
    for step in todo:
        if step.twin:
            cable.run(_COPY % (step.twin, step.path))
            progress(step.path, len(step.data))
            done.copied += 1
        else:
            cable.put(step.path, step.data, lambda n, path=step.path: progress(path, n))
            done.sent += 1
            done.octets += len(step.data)
    if fresh:
        _settle(cable, slot, made)
    running, proven = _slots(told)
    if slot != proven and (fresh or slot != running):
        cable.put("slot", f"{slot} {proven} 3".encode() if proven else slot.encode())
    for name in "crash.txt", "crash.old":  # it is mended, or so we think
        if name in told["files"]:
            cable.run(f"os.remove({name!r})")
    return done


def _slots(told: dict[str, Any]) -> tuple[str | None, str | None]:
    # The slot that runs, and the one to go back to, as firmware/boot.py sees them: they differ
    # while what runs is on trial.
    whole = [slot for slot in "ab" if f"{slot}/release.txt" in told["files"]]
    words = [word for word in told["slot"].split()[:2] if word in whole]
    if len(told["slot"].split()) == 3 and len(words) == 2:
        return words[0], words[1]
    runs = (words or whole or [None])[0]
    return runs, runs


def _need(told: dict[str, Any], made: release.Release, slot: str, todo: list[Step], goes) -> int:
    # Octets that have to be free before: a file is there beside the one that it replaces until
    # it is whole. littlefs has blocks of 4096, two for a folder.
    def blocks(octets: int) -> int:
        return -(-octets // 4096)

    sizes = told["sizes"]
    left = lowest = sum(blocks(sizes[path]) for path in goes)
    left -= 2 * len(_folders_of(slot, made) - {path.rpartition("/")[0] for path in sizes})
    files = [(step.path, len(step.data)) for step in todo]
    for path, octets in [*files, (f"{slot}/release.txt", len(made.manifest))]:
        left -= blocks(octets)
        lowest = min(lowest, left)
        if path not in goes:
            left += blocks(sizes.get(path, 0))
    return max(0, -lowest) * 4096


def _folders_of(slot: str, made: release.Release) -> set[str]:
    return {slot} | {f"{slot}/{path.rpartition('/')[0]}" for path in made.files if "/" in path}


def _folders(cable: Cable, slot: str, made: release.Release) -> None:
    for folder in sorted(_folders_of(slot, made)):
        cable.run(f"try:\n os.mkdir({folder!r})\nexcept OSError:\n pass")


def _settle(cable: Cable, slot: str, made: release.Release) -> None:
    # All is there: what the flash has is compared with the manifest, then that is written.
    _, there = cable.ask(_LOOK)
    for path, data in made.files.items():
        if there.get(f"{slot}/{path}", ("",))[0] != _sha(data):
            raise CableError(f"{slot}/{path} is not on the device as it was sent")
    cable.put(f"{slot}/release.txt", made.manifest)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
