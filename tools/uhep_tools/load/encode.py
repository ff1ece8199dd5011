"""Encode HEP v3 on the host, for load only: a device's encoder is in lib/uhep."""

import socket
import struct

_CHUNK = struct.Struct(">HHH")


def chunk(kind: int, body: bytes) -> bytes:
    """A generic chunk."""
    return _CHUNK.pack(0, kind, len(body) + 6) + body


class Encoder:
    """The packets of one capture agent.

    node, name, key: capture id, node name, authentication key; name and key None if absent.
    """

    def __init__(self, node: int, name: bytes | None = None, key: bytes | None = None):
        self.node = node
        self._node = chunk(0x0C, node.to_bytes(4, "big"))
        self._tail = (chunk(0x0E, key) if key else b"") + (chunk(0x13, name) if name else b"")

    def packet(
        self,
        source: tuple[str, int],
        target: tuple[str, int],
        payload: bytes,
        stamp_us: int,
        *,
        kind: int = 1,
        cid: bytes | None = None,
        mos: int | None = None,
    ) -> bytes:
        """One packet over UDP; addresses IPv4. stamp_us: Unix microseconds. mos: hundredths."""
        sec, usec = divmod(stamp_us, 1_000_000)
        parts = [
            chunk(0x01, b"\x02"),
            chunk(0x02, b"\x11"),
            chunk(0x07, source[1].to_bytes(2, "big")),
            chunk(0x08, target[1].to_bytes(2, "big")),
            chunk(0x09, sec.to_bytes(4, "big")),
            chunk(0x0A, usec.to_bytes(4, "big")),
            chunk(0x0B, bytes([kind])),
            self._node,
            chunk(0x03, socket.inet_aton(source[0])),
            chunk(0x04, socket.inet_aton(target[0])),
            self._tail,
            chunk(0x11, cid) if cid else b"",
            chunk(0x20, mos.to_bytes(2, "big")) if mos is not None else b"",
            chunk(0x0F, payload),
        ]
        body = b"".join(parts)
        return b"HEP3" + (len(body) + 6).to_bytes(2, "big") + body
