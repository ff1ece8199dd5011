"""A flashable file onto a board, by esptool: checked before, kept secrets, verified after."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from uhep_tools.board.firmware import Firmware, FirmwareError, load

_NVS = (0x9000, 0xF000)  # the table's usual place, if it names none
_ROM_BAUD = 115200  # esptool's speed until it has asked for another


class FlashError(Exception):
    """Why the board is not flashed; the text says what would be right."""


@dataclass(frozen=True)
class Part:
    """Octets for the flash from `at` on."""

    at: int
    data: bytes


def read(path: Path) -> tuple[Firmware, bytes]:
    """(firmware, image) of a file of uhep image. Raises FlashError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FlashError(f"{path}: {error.strerror}. uhep image makes one") from None
    if len(data) not in (4 << 20, 8 << 20, 16 << 20):
        raise FlashError(
            f"{path}: {len(data):,} octets are no flash of 4, 8 or 16 MB; uhep image makes one"
        )
    # The image of a whole flash begins at 0; a firmware file where the chip's begins.
    start = next((at for at in (0, 0x1000, 0x2000) if data[at] == 0xE9), 0)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "firmware.bin"
        file.write_bytes(data[start:])
        try:
            return load(file), data
        except FirmwareError as error:
            raise FlashError(str(error).replace(str(file), str(path))) from None


def parts(firmware: Firmware, data: bytes, erase: bool) -> list[Part]:
    """What is to be written: all of it, or all but the NVS, where the secrets are."""
    if erase:
        return [Part(0, data)]
    nvs = [(p.at, p.end) for p in firmware.partitions if p.name == "nvs"] or [_NVS]
    start, end = nvs[0]
    return [Part(firmware.offset, data[firmware.offset : start]), Part(end, data[end:])]


def chip_flash(port: str, baud: int) -> tuple[str, int]:
    """(chip as "esp32", octets of its flash). Raises FlashError."""
    # A board whose reset lines lead nowhere stays where this leaves it, its speed too.
    baud = min(baud, _ROM_BAUD)
    said = _esptool(["--port", port, "--baud", str(baud), "flash-id"], quiet=True)
    chip = re.search(r"Chip type:\s*(ESP32(?:-[CSHP]\d+\b(?!-))?)", said)
    size = re.search(r"Detected flash size: (\d+)MB", said)
    if not chip or not size:
        raise FlashError(f"esptool does not tell chip and flash:\n{said.strip()[-400:]}")
    return chip[1].lower().replace("-", ""), int(size[1]) << 20


def check(firmware: Firmware, data: bytes, chip: str, size: int) -> None:
    """Raises FlashError for another chip, or for a flash of another size."""
    if chip != firmware.chip:
        raise FlashError(f"the image is for {firmware.chip}, the board has an {chip}")
    if size != len(data):
        raise FlashError(
            f"the image is for a flash of {len(data) >> 20} MB, the board has {size >> 20} MB: "
            "the file system must be exactly as large as the flash leaves room for. "
            f"uhep image --flash-mb {size >> 20}"
        )


def write(port: str, baud: int, firmware: Firmware, todo: list[Part], erase: bool) -> None:
    """Write and verify, with esptool's own progress bar. Raises FlashError."""
    with TemporaryDirectory() as folder:
        files = []
        for part in todo:
            file = Path(folder) / f"{part.at:#x}.bin"
            file.write_bytes(part.data)
            files += [f"{part.at:#x}", str(file)]
        base = ["--chip", firmware.chip, "--port", port, "--baud", str(baud)]
        keep = ["--flash-mode", "keep", "--flash-freq", "keep", "--flash-size", "keep"]
        options = ["--erase-all"] if erase else []
        # write-flash compares an MD5 of each part with what the flash has then.
        _esptool([*base, "write-flash", *keep, *options, *files])


def _esptool(args: list[str], quiet: bool = False) -> str:
    command = [sys.executable, "-m", "esptool", *args]
    done = subprocess.run(
        command, stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        said = (done.stdout or "").strip().splitlines()
        tail = f": {said[-1]}" if said else ""
        raise FlashError(
            f"esptool {args[-1] if quiet else 'write-flash'} failed{tail}\nHold BOOT while you "
            "press RESET if the board does not go into its bootloader by itself"
        )
    return done.stdout or ""
