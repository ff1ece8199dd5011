"""One flashable file: an official firmware, and a file system with uhep and its configuration."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from uhep_tools.board import filesystem, release
from uhep_tools.board.firmware import Firmware, Partition

SLOT = "a"  # where a new device's release is; an update goes to the other, b
_FLASH_MB = (4, 8, 16)
_SPARE = 16  # blocks that an update leaves free (firmware/update.py)


class ImageError(Exception):
    """Parts that do not go together; the text says which, with the numbers."""


@dataclass(frozen=True)
class Row:
    """A line of the map of the flash: where, how large, what, octets of it in use."""

    at: int
    size: int
    name: str
    used: int
    what: str


@dataclass(frozen=True)
class Image:
    """The octets of a whole flash from 0 on, and the map of what is where."""

    data: bytes
    rows: list[Row]
    files: dict[str, bytes]  # of the file system
    blocks: tuple[int, int]  # in use, of how many
    release: release.Release

    @property
    def updatable(self) -> bool:
        """Whether a second release has room beside this one: a field update needs that."""
        used, of = self.blocks
        return 2 * used + _SPARE <= of


def compose(
    firmware: Firmware,
    board: dict[str, Any],
    device: dict[str, Any],
    hep: dict[str, Any],
    *,
    flash_mb: int | None = None,
    version: str | None = None,
) -> Image:
    """The image for a board. Raises ImageError, ReleaseError, FirmwareError, FilesystemError."""
    if firmware.chip != board["chip"]:
        raise ImageError(
            f"the firmware is for {firmware.chip} ({firmware.machine}), but {board['id']} has an "
            f"{board['chip']}: take {board['firmware']}"
        )
    check_personality(device, firmware.chip)
    flash_mb = board["flash_mb"] if flash_mb is None else flash_mb
    flash = flash_mb << 20
    partition = firmware.filesystem(flash)
    if flash_mb not in _FLASH_MB:
        raise ImageError(f"a flash of {flash_mb} MB: only 4, 8 and 16 are possible")
    if len(firmware.data) + firmware.offset > partition.at:
        raise ImageError(
            f"the firmware reaches up to {firmware.offset + len(firmware.data):#x}, into the "
            f"files, which begin at {partition.at:#x}"
        )
    made = release.build(firmware.chip, *([version] if version else []))
    files = content(board, device, hep, made)
    octets, used = filesystem.build(files, partition.size)
    blocks = partition.size // filesystem.BLOCK
    data = _merge(firmware, partition, octets, flash)
    return Image(data, _rows(firmware, partition, flash, used), files, (used, blocks), made)


def check_personality(device: dict[str, Any], chip: str) -> None:
    """Raises ImageError for one that the chip can not be."""
    if device.get("personality") == "sniffer" and chip.startswith("esp"):
        raise ImageError(f"a sniffer needs the packet sockets of Linux, which no {chip} has")


def content(
    board: dict[str, Any], device: dict[str, Any], hep: dict[str, Any], made: release.Release
) -> dict[str, bytes]:
    """All files of a new device: path -> content. boards/README.md has the layout."""
    files = release.root_files() | {"board.json": on_device(board), "device.json": _json(device)}
    if hep:
        files["hep.json"] = _json(hep)
    files |= {f"{SLOT}/{path}": data for path, data in made.files.items()}
    files |= {f"{SLOT}/release.txt": made.manifest, "slot": SLOT.encode()}
    return files


def on_device(board: dict[str, Any]) -> bytes:
    """board.json as a device needs it: without what only people read."""
    return _json({key: value for key, value in board.items() if key not in ("sources", "tried")})


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _merge(firmware: Firmware, partition: Partition, octets: bytes, flash: int) -> bytes:
    # By esptool: it writes the size of the flash into the header, and the header's digest anew.
    size = f"{flash >> 20}MB"
    with TemporaryDirectory() as folder:
        out, app, files = (Path(folder) / name for name in ("out", "app", "files"))
        app.write_bytes(firmware.data)
        files.write_bytes(octets)
        command = [
            *(sys.executable, "-m", "esptool", "--chip", firmware.chip, "merge-bin"),
            *("-o", str(out), "-fm", "keep", "-ff", "keep", "-fs", size, "--pad-to-size", size),
            *(f"{firmware.offset:#x}", str(app), f"{partition.at:#x}", str(files)),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ImageError(f"esptool merge-bin: {(done.stdout + done.stderr).strip()}")
        return out.read_bytes()


def _rows(firmware: Firmware, partition: Partition, flash: int, used: int) -> list[Row]:
    version = ".".join(map(str, firmware.version))
    start = firmware.offset
    rows = [
        Row(start, 0x8000 - start, "bootloader", firmware.used(start, 0x8000 - start), ""),
        Row(0x8000, 0x1000, "partition table", firmware.used(0x8000, 0x1000), ""),
    ]
    for each in firmware.partitions:
        if each.at == partition.at:
            continue
        what = {"nvs": "secrets"}.get(each.name, "")
        if each.at == firmware.app().at:
            what = f"MicroPython {version}, {firmware.machine}"
        rows.append(Row(each.at, each.size, each.name, firmware.used(each.at, each.size), what))
    files = f"littlefs, {used} of {partition.size // filesystem.BLOCK} blocks"
    rows.append(Row(partition.at, partition.size, partition.name, used * filesystem.BLOCK, files))
    rows.sort(key=lambda row: row.at)
    for before, after in zip(rows[:], [*rows[1:], Row(flash, 0, "", 0, "")], strict=True):
        end = before.at + before.size
        if end < after.at:
            rows.append(Row(end, after.at - end, "unused", 0, ""))
    return sorted(rows, key=lambda row: row.at)
