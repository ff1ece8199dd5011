"""Read what is needed of a SIP message to show and group it: tolerant, and never raising.

This is no parser to build a user agent on: what can not be read is simply absent.
"""

import re
from dataclasses import dataclass

from uhep_tools.text import printable

_COMPACT = {
    b"a": b"accept-contact",
    b"b": b"referred-by",
    b"c": b"content-type",
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"o": b"event",
    b"r": b"refer-to",
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",
    b"v": b"via",
    b"x": b"session-expires",
}
_WANTED = {b"via", b"from", b"to", b"call-id", b"content-type", b"cseq"}

_LONGEST = 1024  # octets of a From or To that are looked at: hostile ones cost time

_START = re.compile(rb"[\r\n]*")
_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_REQUEST = re.compile(rb"([!-~]{1,32}) +(\S+) +SIP/2\.0\s*", re.IGNORECASE)
_RESPONSE = re.compile(rb"SIP/2\.0 +([1-6]\d\d)(?: +(.*))?", re.IGNORECASE)
_CSEQ = re.compile(rb"\s*(\d{1,10})\s+(\S+)")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"|(".*)', re.DOTALL)  # (what nothing ends)
_USER = re.compile(rb"\s*[A-Za-z][A-Za-z0-9+.-]*:(?:([^@:;?>\s]*)(?::[^@]*)?@)?([^;?>\s]*)")
_TAG = re.compile(rb";\s*tag\s*=\s*([^\s;,]+)", re.IGNORECASE)
_BRANCH = re.compile(rb";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SipText:
    """What was read; text is `printable`, None or "" where the message does not say.

    method: of a request, None for a response. cseq_method: the method of CSeq, for both.
    *_user: the user part of the address, or its host and port if it has none. body: where
    the body begins, the message's length if there is no empty line.
    """

    method: str | None
    uri: str
    status: int | None
    reason: str
    call_id: str | None
    cseq: int | None
    cseq_method: str | None
    from_user: str
    from_tag: str
    to_user: str
    to_tag: str
    branch: str
    content_type: str
    body: int


def read(data: bytes) -> SipText:
    """Read a SIP message, whole or cut; header names in any case, compact or folded."""
    lines, body = _head(data)
    found = _headers(lines[1:])
    request = _REQUEST.fullmatch(lines[0])
    response = _RESPONSE.match(lines[0])
    cseq = _CSEQ.match(found.get(b"cseq", b""))
    from_user, from_tag = _address(found.get(b"from", b""))
    to_user, to_tag = _address(found.get(b"to", b""))
    branch = _BRANCH.search(found.get(b"via", b""))
    call_id = found.get(b"call-id")
    return SipText(
        method=printable(request[1]) if request else None,
        uri=printable(request[2]) if request else "",
        status=int(response[1]) if response else None,
        reason=printable((response[2] or b"").strip()) if response else "",
        call_id=printable(call_id) if call_id else None,
        cseq=int(cseq[1]) if cseq else None,
        cseq_method=printable(cseq[2]) if cseq else None,
        from_user=from_user,
        from_tag=from_tag,
        to_user=to_user,
        to_tag=to_tag,
        branch=printable(branch[1]) if branch else "",
        content_type=printable(found.get(b"content-type", b"").lower()),
        body=body,
    )


def headers(data: bytes) -> dict[str, list[str]]:
    """All values of each header, under its `long_name`, unfolded; not made printable."""
    found: dict[str, list[str]] = {}
    for line in _head(data)[0][1:]:
        name, colon, value = line.decode("utf-8", "backslashreplace").partition(":")
        if colon:
            found.setdefault(long_name(name), []).append(value.strip())
    return found


def long_name(name: str) -> str:
    """A header's name in lower case, v as via."""
    name = name.strip().lower()
    return _COMPACT.get(name.encode(), name.encode()).decode()


def _head(data: bytes) -> tuple[list[bytes], int]:
    """(first line and headers, unfolded, where the body begins)."""
    start = _START.match(data).end()
    end = _END.search(data, start)
    head = data[start : end.start() if end else len(data)]
    return _FOLD.sub(b" ", head).split(b"\n"), end.end() if end else len(data)


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    """The first value of each wanted header, without the spaces around it."""
    found: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        name = _COMPACT.get(name, name)
        if name in _WANTED:
            found.setdefault(name, value.strip())
    return found


def _address(value: bytes) -> tuple[str, str]:
    """(user, tag) of a From or To."""
    value = _QUOTED.sub(rb"\1", value[:_LONGEST])
    _, bracket, rest = value.partition(b"<")
    uri, _, parameters = rest.partition(b">") if bracket else value.partition(b";")
    user = _USER.match(uri)
    tag = _TAG.search(b";" + parameters)
    return (
        printable(user[1] or user[2]) if user else "",
        printable(tag[1]) if tag else "",
    )
