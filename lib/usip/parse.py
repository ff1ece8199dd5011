"""Reads SIP messages (RFC 3261 section 7).

Tolerant: any case, compact names, folded lines, LF alone, a missing Content-Length.
"""

from micropython import const

from usip import header
from usip.message import NEEDED, Message, find

_COMPACT = const(
    ",b=referred-by,c=content-type,e=content-encoding,f=from,i=call-id,k=supported"
    ",l=content-length,m=contact,o=event,r=refer-to,s=subject,t=to,u=allow-events,v=via"
    ",x=session-expires,"
)
# These come as comma lists or one a line; a Message holds one a field.
_LISTS = const(("via", "route", "record-route", "contact"))
# Twice, it is not known what they say (RFC 4475 3.3.8).
_ONCE = const(("from", "to", "call-id", "cseq", "max-forwards", "content-length"))


class Bad(ValueError):
    """What a Message can not be. `request`, where not None, is what could be read of a
    request: it is to be answered with `status`."""

    def __init__(self, text, request=None, status=400):
        super().__init__(text)
        self.request = request
        self.status = status


def parse(data):
    """The Message in the bytes of one datagram. Bad says why there is none."""
    at = 0
    while data[at : at + 1] in (b"\r", b"\n"):  # RFC 3261 7.5
        at += 1
    line, at = _line(data, at)
    message, refuse = _start_line(line)
    name = value = ""
    fault = "a bad request line" if refuse else None
    while at < len(data):
        line, at = _line(data, at)
        if not line:
            break
        if line[:1] in " \t":  # a folded line goes on with the value before it
            value += " " + line.strip()
            continue
        _add(message, name, value)
        name, colon, value = line.partition(":")
        if not colon:
            fault = "a header line without a colon"
        name = name.strip().lower()
        if len(name) == 1:
            name = find(_COMPACT, name) or name
    _add(message, name, value)
    try:
        _check(message)
        message.body = _body(message, data[at:])
    except ValueError as error:
        fault = str(error)
    if fault:
        raise Bad(fault, None if message.status else message, refuse or 400)
    return message


def _line(data, start):
    """The line from `start` without its end, and where the next one begins."""
    end = data.find(b"\n", start)
    if end < 0:
        return header.text(data[start:]), len(data)
    line = data[start:end]
    return header.text(line[:-1] if line.endswith(b"\r") else line), end + 1


def _start_line(line):
    """(Message, 0 or the status that a bad request line is answered with); Bad if neither."""
    words = line.split()
    if line[:8].upper() == "SIP/2.0 ":
        if len(words) < 2 or not words[1].isdigit() or not 100 <= int(words[1]) <= 699:
            raise Bad("a bad status line")
        return Message(status=int(words[1]), reason=" ".join(words[2:])), 0
    if len(words) < 3 or words[-1][:4].upper() != "SIP/":
        raise Bad("not a SIP start line")
    refuse = 0
    if words[-1].upper() != "SIP/2.0":
        refuse = 505
    elif len(words) != 3 or words[1][:1] == "<" or "?" in words[1].rpartition("@")[2]:
        refuse = 400  # spaces or <> around the URI, fields in it (19.1.1, RFC 4475 3.1.2.7 to 11)
    return Message(words[0], words[1]), refuse


def _add(message, name, value):
    if name in _LISTS:
        for part in header.split(value):
            message.add(name, part)
    elif name:
        message.add(name, value.strip())


def _check(message):
    for name in _ONCE:
        found = message.all(name)
        if len(found) > 1:
            raise ValueError("more than one " + name)
    for name in NEEDED:
        if not message.get(name):
            raise ValueError("no " + name)
    for name in ("from", "to"):
        if not header.balanced(message.get(name)):
            raise ValueError("an open quote in " + name)
    if "" in message.all("via"):
        raise ValueError("a bad via")
    words = message.get("cseq").split()
    # 8.1.1.5: less than 2^31.
    if len(words) != 2 or not words[0].isdigit() or len(words[0]) > 10 or int(words[0]) >> 31:
        raise ValueError("a bad CSeq")
    if (message.number("max-forwards") or 0) > 255:
        raise ValueError("a bad max-forwards")
    message.number("session-expires")
    message.number("min-se")
    if message.status:
        message.method = words[1]
    elif words[1] != message.method:
        raise ValueError("the CSeq is of another method")


def _body(message, rest):
    length = message.get("content-length", None)
    if length is None:
        return rest
    if not length.isdigit() or int(length) > len(rest):
        raise ValueError("a wrong Content-Length")
    return rest[: int(length)]
