"""Full-text search: which words of a packet are found, and what a search box asks for."""

import re

from uhep_tools import hep
from uhep_tools.text import printable

_LONGEST = 16384  # octets of a payload whose words can be found
_TOKEN = re.compile(r"[\w.-]+")  # as the tokenizer of schema/2.sql cuts
_PART = re.compile(r'"([^"]*)"?|(\S+)')


def text_of(packet: hep.Packet) -> str:
    """What the index is given for a packet; the same again when it is deleted."""
    return printable(packet.payload[:_LONGEST].replace(b"\r\n", b" ").replace(b"\n", b" "))


def text_of_raw(raw: bytes) -> str:
    """The same of a packet's octets."""
    return text_of(hep.decode(raw))


def ask(search: str) -> tuple[str, list[bytes]]:
    """(FTS5 expression, octets that must be there as they stand) of what a person typed.

    All words must be in one message, each may be the beginning of one; what stands in double
    quotes must also be there exactly so. The expression is empty if there is no word in it.
    """
    tokens: list[str] = []
    exact: list[bytes] = []
    for quoted, word in _PART.findall(search):
        if quoted:
            exact.append(quoted.encode())
        if found := _TOKEN.findall(quoted or word):
            tokens += [f'"{token}"' for token in found[:-1]] + [f'"{found[-1]}"*']
    return " AND ".join(tokens), exact
