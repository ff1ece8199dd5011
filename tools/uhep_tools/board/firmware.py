"""An official MicroPython firmware .bin for an ESP32: what it is for, and its partition table."""

import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

OLDEST = (1, 26)  # what the agent needs
_TABLE = 0x8000  # in flash
_SECTOR = 0x1000
_MAGIC = 0xE9
# Chip id of an image header -> name, where in flash such a .bin begins.
_CHIPS = {0: ("esp32", 0x1000), 2: ("esp32s2", 0x1000), 5: ("esp32c3", 0), 9: ("esp32s3", 0),
          13: ("esp32c6", 0), 16: ("esp32h2", 0), 23: ("esp32c5", 0x2000)}  # fmt: skip
_BANNER = re.compile(rb"MicroPython v?(\d+)\.(\d+)\.(\d+)[^\0]*")
_MACHINE = re.compile(rb"\0; ([^\0;]{3,60} with ESP32[^\0;]*)\0")


class FirmwareError(Exception):
    """A file that is no firmware for this; the text says why and what would be."""


@dataclass(frozen=True)
class Partition:
    name: str
    kind: int  # 0: app, 1: data
    subtype: int
    at: int
    size: int

    @property
    def end(self) -> int:
        return self.at + self.size


@dataclass(frozen=True)
class Firmware:
    """The octets of a .bin, the chip, where they belong in flash, the version, the partitions."""

    data: bytes
    chip: str
    offset: int
    version: tuple[int, int, int]
    machine: str
    partitions: tuple[Partition, ...]

    @property
    def end(self) -> int:
        """Where the last partition of the table ends."""
        return max(each.end for each in self.partitions)

    def app(self) -> Partition:
        """The partition of the app that a fresh device starts."""
        return next(p for p in self.partitions if p.kind == 0)

    def used(self, at: int, size: int) -> int:
        """Octets of the .bin within a range of flash, without the 0xff at their end."""
        start = max(at - self.offset, 0)
        return len(self.data[start : max(at + size - self.offset, 0)].rstrip(b"\xff"))

    def filesystem(self, flash: int) -> Partition:
        """The partition for files in a flash of so many octets.

        It is the one of the table called vfs (or ffat), or else all that the other partitions
        leave, as the port makes it itself when it starts. Raises FirmwareError if there is no
        room for it.
        """
        if self.end > flash:
            last = max(self.partitions, key=lambda each: each.end)
            raise FirmwareError(
                f"the firmware's partitions end at {self.end:#x} ({last.name}), but a flash of "
                f"{flash >> 20} MB ends at {flash:#x}: it is for a larger flash"
            )
        for each in self.partitions:
            if each.kind == 1 and each.name in ("vfs", "ffat"):
                return each
        made = Partition("vfs", 1, 0x81, self.end, flash - self.end)
        if made.size < 16 * _SECTOR:
            raise FirmwareError(
                f"the firmware's partitions leave {made.size:,} octets of {flash:,} for files"
            )
        return made


def load(path: Path) -> Firmware:
    """Read and check a .bin. Raises FirmwareError for all that is no whole firmware."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FirmwareError(f"{path}: {error.strerror}") from None
    try:
        return _parse(data)
    except FirmwareError as error:
        raise FirmwareError(f"{path}: {error}") from None
    except (struct.error, IndexError):
        raise FirmwareError(f"{path}: it is cut off after {len(data):,} octets") from None


def _parse(data: bytes) -> Firmware:
    if data[:1] != bytes([_MAGIC]):
        found = f"it begins with {data[:4].hex() or 'nothing'}, not with e9"
        raise FirmwareError(f"no ESP firmware: {found}. Take a .bin of micropython.org")
    number = struct.unpack_from("<H", data, 12)[0]
    if number not in _CHIPS:
        raise FirmwareError(f"it is for a chip with the number {number}, which is not known here")
    chip, offset = _CHIPS[number]
    partitions = _table(data[_TABLE - offset : _TABLE - offset + 0xC00])
    if not any(each.kind == 0 for each in partitions):
        raise FirmwareError(
            f"there is no partition table at {_TABLE - offset:#x}: take the .bin, not the .app-bin"
        )
    app = next(each for each in partitions if each.kind == 0)
    _whole(data, app.at - offset, app)
    banner = _BANNER.search(data)
    if not banner:
        raise FirmwareError("no MicroPython: it says no version")
    version = tuple(int(each) for each in banner.groups())
    if version[:2] < OLDEST:
        raise FirmwareError(
            f"MicroPython {'.'.join(map(str, version))} is too old: uhep needs "
            f"{OLDEST[0]}.{OLDEST[1]} or newer"
        )
    machine = _MACHINE.search(data)
    name = machine[1].decode(errors="replace") if machine else chip
    return Firmware(data, chip, offset, version, name, tuple(partitions))


def _table(octets: bytes) -> list[Partition]:
    found = []
    for at in range(0, len(octets) - 31, 32):
        magic, kind, subtype, start, size, name = struct.unpack_from("<2sBBII16s", octets, at)
        if magic != b"\xaa\x50":
            break
        found.append(Partition(name.rstrip(b"\0").decode(), kind, subtype, start, size))
    return found


def _whole(data: bytes, at: int, app: Partition) -> None:
    # The app: segments, a checksum, and the SHA-256 of it all.
    if data[at] != _MAGIC:
        raise FirmwareError(f"there is no app at {app.at:#x}, where the partition {app.name} is")
    segments, hashed = data[at + 1], data[at + 23]
    end = at + 24
    for _ in range(segments):
        end += 8 + struct.unpack_from("<I", data, end + 4)[0]
    end += 16 - (end - at) % 16
    if end + 32 * hashed > len(data):
        raise FirmwareError(f"it is cut off: {len(data):,} octets, {end + 32:,} would be whole")
    if hashed and hashlib.sha256(data[at:end]).digest() != data[end : end + 32]:
        raise FirmwareError("it is damaged: the app's SHA-256 does not match")
