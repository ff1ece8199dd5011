"""A device at the end of a cable: its prompt, its files, its log. Any pyserial URL will do."""

import ast
import contextlib
import hashlib
import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

_BAUD = 115200
_READ_S = 5.0
_PROMPT_S = 10.0
_TRIES = 4  # in that time: a device that is starting hears nothing
_SETTLE_S = 0.1
# USB chips of boards and adapters: CP210x, CH340 and CH9102, FTDI, PL2303, the ESP32's own.
_USB = {0x10C4, 0x1A86, 0x0403, 0x067B, 0x303A}
_CHUNK = 1024
# What comes when the device goes; struct.error where mpremote reads too little.
_GONE = (TransportError, serial.SerialException, OSError, struct.error)
# The watchdog waits, and what ran gives its memory back: a phone leaves hardly any to work with.
_FREE = """
import gc, sys
p = sys.modules.get('port')
if p:
    p.at_console()
sys.modules.clear()
for n in list(globals()):
    if n[:2] != '__' and n != 'gc':
        del globals()[n]
gc.collect()
"""
# What is there while the prompt is, for what runs on the device.
_TOOLS = """
import hashlib, os, sys, binascii
def uhep_digest(path):
    h = hashlib.sha256()
    with open(path, 'rb') as f:
        b = f.read(512)
        while b:
            h.update(b)
            b = f.read(512)
    return binascii.hexlify(h.digest()).decode()
def uhep_settle(new, path, digest):
    if uhep_digest(new) != digest:
        raise OSError('%s has not arrived as it was sent' % path)
    os.rename(new, path)
"""


class CableError(Exception):
    """The device does not answer, or not as it should; the text says what may help."""


def find_port() -> str:
    """The port that a board is at. Raises CableError if there is none, or a choice."""
    found = [port.device for port in list_ports.comports() if port.vid in _USB]
    if len(found) == 1:
        return found[0]
    if found:
        raise CableError(f"there are several boards, say --port: {', '.join(found)}")
    raise CableError(
        "no board is connected by USB. Is the cable one for data, and may you open the port "
        "(group dialout)? For another port or a pyserial URL say --port"
    )


def check_port(url: str) -> None:
    """Raises CableError for a port that is not there, or that this user may not open."""
    if url.startswith("/"):
        if not os.path.exists(url):
            raise CableError(f"{url}: there is no such port")
        if not os.access(url, os.R_OK | os.W_OK):
            raise CableError(f"{url}: you may not open it; is your user in the group dialout?")


class Cable:
    """The raw REPL of a device, as a context manager. What runs is stopped (Ctrl-C).

    At its end the device starts again, whatever has happened. All methods raise CableError.
    """

    def __init__(self, url: str):
        self.url = url
        check_port(url)
        try:
            self._to = SerialTransport(url, _BAUD, timeout=_READ_S)
        except (TransportError, serial.SerialException, OSError, ValueError) as error:
            raise CableError(f"{url}: {error}") from None
        self._stopped = False  # and not started again

    def __enter__(self) -> "Cable":
        try:
            self._prompt()
            self.run(_FREE)
            self.run(_TOOLS)
        except _GONE as error:
            self.close()
            raise CableError(
                f"{self.url}: no prompt of MicroPython ({error}). Is it this port, and is the "
                "board on?"
            ) from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._stopped:
            try:
                self._prompt()  # it may be in the middle of something
                self.reset()
                time.sleep(_SETTLE_S)  # a Ctrl-C of the next one that comes would be too early
            except (CableError, *_GONE):
                pass  # it is gone
        self.close()

    def _prompt(self) -> None:
        self._stopped = True
        for left in reversed(range(_TRIES)):
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what came
                    self._to.enter_raw_repl(soft_reset=False, timeout_overall=_PROMPT_S / _TRIES)
                break
            except TransportError:
                if not left:
                    raise
        # If it was only late there is more to come of the earlier ones: one prompt is to be left.
        time.sleep(_SETTLE_S)
        self._to.serial.reset_input_buffer()
        self._to.serial.write(b"\r\x01")

    def close(self) -> None:
        try:
            self._to.close()
        except (serial.SerialException, OSError):
            pass

    def run(self, code: str) -> str:
        """Run a script on the device; what it printed."""
        try:
            return self._to.exec(code).decode(errors="replace")
        except TransportExecError as error:
            said = error.error_output.strip().splitlines()
            raise CableError(f"on the device: {said[-1] if said else 'no reason given'}") from None
        except _GONE as error:
            raise CableError(f"{self.url}: the device is gone ({error})") from None

    def ask(self, code: str) -> Any:
        """Run a script that prints one Python literal."""
        said = self.run(code).strip()
        try:
            return ast.literal_eval(said)
        except (ValueError, SyntaxError):
            raise CableError(f"the device says {said[:80]!r}") from None

    def put(
        self, path: str, data: bytes, progress: Callable[[int], None] = lambda n: None
    ) -> None:
        """Write a file in one step: it is the old or the new one, whatever happens.

        progress: called with each number of octets that has gone.
        """
        new = path + ".new"
        pieces = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)] or [b""]
        for i, piece in enumerate(pieces):
            code = "" if i else f"f = open({new!r}, 'wb')\n"
            code += f"f.write({piece!r})\n"
            if i == len(pieces) - 1:
                digest = hashlib.sha256(data).hexdigest()
                code += f"f.close()\nuhep_settle({new!r}, {path!r}, {digest!r})"
            self.run(code)
            progress(len(piece))

    def reset(self) -> None:
        """Start the device again; the log follows."""
        try:
            self._to.exec_raw_no_follow("import machine\nmachine.reset()")
        except _GONE as error:
            raise CableError(f"{self.url}: it can not be reset ({error})") from None
        self._stopped = False

    def lines(self, seconds: float | None) -> Iterator[str]:
        """The device's log, a line at a time, for so long. A port that goes is opened again."""
        return log(self.url, seconds, self._to.serial)


def log(url: str, seconds: float | None, port: Any = None) -> Iterator[str]:
    """What a device says, a line at a time, for so long (None: for ever). Raises CableError."""
    if port is None:
        check_port(url)
        try:
            port = serial.serial_for_url(url, _BAUD, timeout=0.2)
        except (serial.SerialException, OSError, ValueError) as error:
            raise CableError(f"{url}: {error}") from None
    end = None if seconds is None else time.monotonic() + seconds
    pending = b""
    while end is None or time.monotonic() < end:
        try:
            if port is None:
                port = serial.serial_for_url(url, _BAUD, timeout=0.2)
            port.timeout = 0.2
            pending += port.read(max(1, port.in_waiting))
        except (serial.SerialException, OSError) as error:
            # With a USB of its own the board goes when it resets, and comes again.
            if end is None:
                raise CableError(f"{url}: {error}") from None
            port = None
            time.sleep(0.2)
            continue
        *whole, pending = pending.split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").decode(errors="backslashreplace")
