"""Captured packets from wherever they lie; what it is, is told from the content."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from uhep_tools.database import open_to_read
from uhep_tools.faults import HepError
from uhep_tools.frame import HEADER, MAGIC, frame_length
from uhep_tools.hextext import parse_hex
from uhep_tools.record import ReadError, Record
from uhep_tools.tables import REJECTS, Reject

_SQLITE = b"SQLite format 3\0"
_CAPTURES = (
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",  # pcapng
)
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n\f"


def read_file(path: Path) -> Iterator[Record]:
    """Yield the records of a database, capture, raw, JSON-lines or hex file.

    Raises ReadError, also amid the records, and OSError.
    """
    with path.open("rb") as file:
        head = file.read(64)
        file.seek(0)
        if head.startswith(_SQLITE):
            yield from read_database(path)
        else:
            yield from _read(head, file)


def read_stream(stream: BinaryIO) -> Iterator[Record]:
    """The same of a pipe, which can not be a database. Reads it to its end first."""
    data = stream.read()
    if data.startswith(_SQLITE):
        raise ReadError("a database can not come from a pipe; name its file")
    yield from _read(data[:64], BytesIO(data))


def _read(head: bytes, file: BinaryIO) -> Iterator[Record]:
    if head.startswith(_CAPTURES):
        # Here, because scapy takes half a second to import.
        from uhep_tools.capture import read_capture

        yield from read_capture(file)
        return
    data = file.read()
    if head.startswith(MAGIC) or head.translate(None, _TEXT):
        for at, packet in cut(data):
            yield Record(packet, f"octet {at}")
        return
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    yield from read_json(text) if text.lstrip().startswith("{") else read_hex(text)


def cut(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, packet) of packets one behind the other.

    Where what follows a packet is no further one, all the rest is given as one packet: then
    decoding it tells that its length is wrong.
    """
    start = 0
    while start < len(data):
        end = len(data)
        try:
            next_one = start + frame_length(data[start : start + HEADER].ljust(HEADER, b"\0"))
        except HepError:
            next_one = end
        if data.startswith(MAGIC, next_one):
            end = next_one
        yield start, data[start:end]
        start = end


def read_hex(text: str) -> Iterator[Record]:
    """Hex text, see parse_hex; a block may hold several packets."""
    for line, block in parse_hex(text):
        for at, packet in cut(block):
            yield Record(packet, f"line {line}" + (f", octet {at}" if at else ""))


def read_json(text: str) -> Iterator[Record]:
    """JSON lines: objects with the packet as hex in "hex"; what else they hold is not read."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = bytes.fromhex(json.loads(line)["hex"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ReadError(
                f'line {number}: should be a JSON object with "hex", like {{"hex": "48455033..."}}'
            ) from None
        yield Record(data, f"line {number}")


def read_database(path: Path) -> Iterator[Record]:
    """The packets of a capture server's database, in the order of arrival."""
    query = "SELECT id, received_us, peer, raw FROM packets ORDER BY id"
    for row, received_us, peer, raw in _select(path, query):
        yield Record(raw, f"row {row}", received_us, peer)


def read_rejects(path: Path) -> Iterator[Reject]:
    """What that capture server refused, as far as it is kept; nothing of any other file."""
    with path.open("rb") as file:
        if not file.read(len(_SQLITE)).startswith(_SQLITE):
            return
    query = f"SELECT {REJECTS.columns} FROM rejects ORDER BY id"
    yield from (Reject(*row) for row in _select(path, query))


def _select(path: Path, query: str) -> Iterator[tuple]:
    try:
        with closing(open_to_read(path)) as database:
            yield from database.execute(query)
    except sqlite3.Error as error:
        raise ReadError(f"no database of `uhep serve`: {error}") from None
