"""A whole board of 32 bits, emulated: MicroPython's own firmware for the RP2040.

What the ESP32 shares with it is what no port on this computer has: objects of 32 bits, ints of
31, a heap of 195 KB, and machine code. It has no sockets here.
"""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from uhep_tools.board import filesystem
from uhep_tools.sim import ROOT

ARCH = "armv6m"  # of its machine code
_HERE = Path(__file__).parent
_MODULES = ROOT / ".peers/node_modules"
_FIRMWARE = ROOT / ".peers/firmware/rpi-pico-w-20251209-v1.27.0.uf2"
# Where MicroPython has its file system on this board, of 2 MB of flash.
_FLASH = 2048 * 1024
_FILES = 848 * 1024
# What a computer sees of a board begins a little after its start.
_MAIN = b"""import sys, time
time.sleep_ms(200)
sys.path[:] = ["/lib", "/device", ".frozen"]
try:
    import script
except BaseException as error:
    sys.print_exception(error)
sys.stdout.write("\\x04")
"""


class BoardError(Exception):
    """The board could not be run to its end; the text says why."""


def absent() -> str | None:
    """What is missing for `run`, as a sentence; None: nothing."""
    if shutil.which("node") and (_MODULES / "rp2040js").is_dir() and _FIRMWARE.exists():
        return None
    return "the emulator of a board, its firmware, or node for it, is not here: `make peers`"


def run(script: str, files: dict[str, bytes], seconds: float = 900) -> str:
    """What a script prints on the board, whose flash has `files` as well: path -> content.

    Modules are found in lib/ and device/. Raises BoardError after so many seconds,
    FilesystemError for files that do not fit.
    """
    whole = {"main.py": _MAIN, "device/script.py": script.encode()} | files
    with TemporaryDirectory() as folder:
        image = Path(folder) / "filesystem"
        image.write_bytes(filesystem.build(whole, _FILES)[0])
        command = ["node", _HERE / "rp2040.mjs", _MODULES, _FIRMWARE, image, _FLASH - _FILES]
        try:
            done = subprocess.run(
                list(map(str, command)), capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode("utf-8", "backslashreplace")
            raise BoardError(f"the board had not ended after {seconds:g} s: {said}") from None
    said = done.stdout.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    if done.returncode:
        raise BoardError(f"{said}{done.stderr.decode('utf-8', 'backslashreplace').strip()}")
    return said
