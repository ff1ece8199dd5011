"""Octets from text: hex digits as people paste them, and dumps with columns."""

import re
from collections.abc import Iterator
from itertools import takewhile

from uhep_tools.record import ReadError

_MAGIC = "48455033"
_HEX = re.compile(r"[0-9A-Fa-f]+")
_FIRST_OFFSET = re.compile(r"(0x)?0{4,}:?(\s|$)")  # a dump begins at 0, HEP never does
_OFFSET = re.compile(r"(0x)?[0-9A-Fa-f]{4,}(:?)\s*")
_PUNCTUATION = re.compile(r"0[xX]|\\x|[:,;]")


def parse_hex(text: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, octets) of each block of hex.

    Taken are plain digits, 0x48, 48:45 and the dumps of xxd, hexdump -C, od -A x -t x1,
    tcpdump -X and Wireshark. A block ends at an empty line, at a line that begins with #, and
    a dump where the next begins. If the first line is a whole packet, or all lines begin like
    one, each is a block by itself. Raises ReadError that names the line.
    """
    for number, lines in _blocks(text):
        dump = _begins_dump(lines[0])
        read = _dump_digits if dump else _plain_digits
        digits = [read(line, number + at) for at, line in enumerate(lines)]
        if not dump and (_whole(digits[0]) or all(map(_begins, digits))):
            found = list(enumerate(digits, number))
        else:
            found = [(number, "".join(digits))]
        for at, packet in found:
            if len(packet) % 2:
                raise ReadError(f"line {at}: an odd number of hex digits, {len(packet)}")
            yield at, bytes.fromhex(packet)


def _begins_dump(line: str) -> bool:
    return bool(_FIRST_OFFSET.match(line))


def _begins(digits: str) -> bool:
    return digits.startswith(_MAGIC)


def _whole(digits: str) -> bool:
    """Whether a line of hex is as long as the packet that begins with it."""
    return _begins(digits) and digits[8:12] == f"{len(digits) // 2:04x}"


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    block: list[str] = []
    for number, line in enumerate([*map(str.strip, text.splitlines()), ""], 1):
        ends = not line or line.startswith("#")
        if block and (ends or (_begins_dump(line) and _begins_dump(block[0]))):
            yield number - len(block), block
            block = []
        if not ends:
            block.append(line)


def _plain_digits(line: str, number: int) -> str:
    words = _PUNCTUATION.sub(" ", line).split()
    for word in words:
        if not _HEX.fullmatch(word):
            raise ReadError(f"line {number}: {word!r} is no hex")
    return "".join(words).lower()


def _dump_digits(line: str, number: int) -> str:
    offset = _OFFSET.match(line)
    if not offset:
        raise ReadError(f"line {number}: a dump's line begins with its offset, not {line[:12]!r}")
    # The text beside the octets is set off by |, or by more blanks than the octets are.
    gap = r"\s{2,}" if offset[2] else r"\s{3,}"
    octets = re.split(rf"\||{gap}", line[offset.end() :])[0]
    return "".join(takewhile(_HEX.fullmatch, octets.split()))
