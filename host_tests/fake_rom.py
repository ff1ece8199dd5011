"""An ESP32 in its bootloader at the end of a pty, as esptool talks to it: ROM, then stub.

A pty has no reset lines: it is a board that a person brings into its bootloader, once. What comes
at another speed than the chip's is noise to it.
"""

import hashlib
import os
import pty
import struct
import termios
import threading
import tty
import zlib

_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in (115200, 230400, 460800)}
_SPI, _SPI_COMMAND, _SPI_ANSWER = 0x3FF42000, 0x3FF42024, 0x3FF42080
_ID = 0x1640C8  # of a flash of 4 MB


class FakeRom:
    """`url` is its port, `flash` what is in it, `baud` its speed."""

    def __init__(self):
        self._line, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.url = os.ttyname(self._slave)
        self.flash = bytearray(b"\xff" * (4 << 20))
        self.baud = 115200
        self._stub = False
        # The chip's magic number; the UART's divider at 40 MHz.
        self._registers = {0x40001000: 0x00F01D83, 0x3FF40014: 347}
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        os.close(self._slave)
        os.close(self._line)

    def _listen(self):
        came = b""
        while True:
            try:
                data = os.read(self._line, 65536)
                speed = _SPEEDS[termios.tcgetattr(self._slave)[4]]
            except OSError:
                return
            if speed != self.baud:
                came = b""
                continue
            *frames, came = (came + data).split(b"\xc0")
            for frame in frames:
                if len(frame) >= 8 and frame[0] == 0:
                    frame = frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                    self._take(frame[1], frame[8:])

    def _send(self, frame):
        frame = frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        os.write(self._line, b"\xc0" + frame + b"\xc0")

    def _answer(self, command, value=0, data=b"", fault=0):
        data += bytes([fault > 0, fault] + [0] * (not self._stub) * 2)
        self._send(struct.pack("<BBHI", 1, command, len(data), value) + data)

    def _take(self, command, data):
        if command == 0x08:  # sync: the stub says 0
            for _ in range(8):
                self._answer(command, 0 if self._stub else 1)
        elif command == 0x09:
            self._write(*struct.unpack_from("<II", data))
            self._answer(command)
        elif command == 0x0A:
            self._answer(command, self._registers.get(struct.unpack("<I", data)[0], 0))
        elif command == 0x06:  # the stub is in memory and runs
            self._answer(command)
            self._stub = True
            self._send(b"OHAI")
        elif command == 0x0F:
            self._answer(command)
            self.baud = struct.unpack_from("<I", data)[0]
        elif command == 0x10:  # so many octets of flash, deflated
            self._at = struct.unpack_from("<I", data, 12)[0]
            self._inflate = zlib.decompressobj()
            self._answer(command)
        elif command == 0x11:
            octets = self._inflate.decompress(data[16:])
            self.flash[self._at : self._at + len(octets)] = octets
            self._at += len(octets)
            self._answer(command)
        elif command == 0x13:
            at, n = struct.unpack_from("<II", data)
            self._answer(command, data=hashlib.md5(self.flash[at : at + n]).digest())
        elif command in (0x05, 0x07, 0x0B, 0x0D, 0x12):
            self._answer(command)
        else:
            self._answer(command, fault=5)

    def _write(self, at, value):
        if at == _SPI:  # a command to the flash chip, done at once
            asked = self._registers.get(_SPI_COMMAND, 0) & 0xFF
            self._registers[_SPI_ANSWER] = _ID if asked == 0x9F else 0
            value = 0
        self._registers[at] = value
