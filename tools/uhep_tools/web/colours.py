"""The payload of a packet as lines of coloured pieces; what a device redacted stands out."""

import json
import re
from collections.abc import Iterator

from uhep_tools.chunks import SIP
from uhep_tools.message import Message
from uhep_tools.text import printable

Piece = tuple[str, str]  # (class of app.css or "", text)
_LONGEST = 65536  # characters that are shown

# A device redacts in place: the characters of a secret become one and the same.
_REDACTED = re.compile(r"([*xX#])\1{3,}")
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9.!%*_+`'~-]*)(\s*:)(.*)", re.DOTALL)
_SDP = re.compile(r"([a-z])(=)(.*)", re.DOTALL)
# What is here reads each character once: hostile payloads are long, and hold up everybody.
_QUOTED = r"\"(?:[^\"\\]|\\.)*+\"?"  # to the end of the line, where nothing ends it
_VALUE = re.compile(
    r"(?P<uri>\b(?:sips?|tel|urn):[^\s<>\";,]+)"
    rf"|(?P<text>{_QUOTED})"
    r"|(?P<name>;\s*[A-Za-z0-9_-]+)"
    r"|(?P<number>\b\d+(?:\.\d+){0,3}(?::\d+)?\b)"
)
_JSON = re.compile(
    rf"(?P<key>{_QUOTED})(?=\s*:)|(?P<text>{_QUOTED})"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>\b(?:true|false|null)\b)"
)
_LOG = re.compile(r"(?P<name>(?<![\w.])[A-Za-z_][\w.]*+)(?==)|(?P<number>\b\d+(?:\.\d+)?\b)")


def payload_lines(message: Message) -> tuple[list[list[Piece]], int, bool]:
    """(lines, places that are redacted, whether it is too long to be shown whole).

    A piece's text is `printable`; joined, the pieces of a SIP message are that message.
    """
    payload = message.packet.payload
    text = payload.decode("utf-8", "backslashreplace")
    cut = len(text) > _LONGEST
    text = text[:_LONGEST]
    if message.type == SIP:
        lines = list(_sip(text))
    elif payload.lstrip()[:1] in (b"{", b"["):
        lines = [_pieces(_JSON, line) for line in _indented(text)]
    else:
        lines = [_pieces(_LOG, line) for line in text.splitlines()]
    redacted = 0
    shown = []
    for line in lines:
        pieces = [piece for part in line for piece in _redact(*part)]
        redacted += sum(kind == "redacted" for kind, _ in pieces)
        shown.append(pieces)
    return shown, redacted, cut


def _redact(kind: str, text: str) -> Iterator[Piece]:
    at = 0
    for match in _REDACTED.finditer(text):
        if match.start() > at:
            yield kind, printable(text[at : match.start()])
        yield "redacted", match[0]
        at = match.end()
    if at < len(text):
        yield kind, printable(text[at:])


def _sip(text: str) -> Iterator[list[Piece]]:
    body = False
    for number, line in enumerate(re.split(r"\r?\n", text.removesuffix("\n").removesuffix("\r"))):
        if number == 0:
            yield [("start", line)]
        elif body:
            match = _SDP.fullmatch(line)
            yield (
                [("key", match[1]), ("dim", match[2]), *_pieces(_VALUE, match[3])]
                if match
                else [("", line)]
            )
        elif not line:
            body = True
            yield []
        elif match := _HEADER.fullmatch(line):
            yield [("key", match[1]), ("dim", match[2]), *_pieces(_VALUE, match[3])]
        else:
            yield _pieces(_VALUE, line)


def _indented(text: str) -> list[str]:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        return text.splitlines()


def _pieces(pattern: re.Pattern, text: str) -> list[Piece]:
    found: list[Piece] = []
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            found.append(("", text[at : match.start()]))
        found.append((match.lastgroup or "", match[0]))
        at = match.end()
    return [*found, ("", text[at:])] if at < len(text) else found
