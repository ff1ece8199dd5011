"""SIP messages: bytes in, bytes out (RFC 3261 section 7).

Tolerant in what it reads: any case, compact names, folded lines, LF alone, a missing
Content-Length. Strict in what it writes.
"""

from usip import header

# Tables are one string each: a dict of so many small objects takes ten times the memory.
_COMPACT = (
    ",b=referred-by,c=content-type,e=content-encoding,f=from,i=call-id,k=supported"
    ",l=content-length,m=contact,o=event,r=refer-to,s=subject,t=to,u=allow-events,v=via"
    ",x=session-expires,"
)
_REASONS = (
    ",100=Trying,180=Ringing,200=OK,400=Bad Request,405=Method Not Allowed,408=Request Timeout"
    ",420=Bad Extension,481=Call/Transaction Does Not Exist,486=Busy Here"
    ",487=Request Terminated,488=Not Acceptable Here,500=Server Internal Error"
    ",503=Service Unavailable,603=Decline,"
)
# These come as comma lists or one a line; a Message holds one a field.
_LISTS = ("via", "route", "record-route", "contact")
_NEEDED = ("via", "from", "to", "call-id", "cseq")


class Message:
    """A request (`method`, `uri`) or a response (`status`, `reason`); str, but for the body.

    `fields` is a list of (name, value) in wire order, names long and in lower case. A response
    has the method of its CSeq as `method`.
    """

    def __init__(self, method="", uri="", status=0, reason=""):
        self.method = method
        self.uri = uri
        self.status = status
        self.reason = reason
        self.fields = []
        self.body = b""
        self.source = None  # a socket address: who sent it; for a request, where replies go

    def get(self, name, default=""):
        """The first value of a field."""
        for key, value in self.fields:
            if key == name:
                return value
        return default

    def all(self, name):
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key == name]

    def add(self, name, value):
        self.fields.append((name, value))

    def push(self, name, value):
        """Puts a field before all others."""
        self.fields.insert(0, (name, value))

    def replace(self, name, value):
        """Gives the first field `name` another value."""
        for at, field in enumerate(self.fields):
            if field[0] == name:
                self.fields[at] = (name, value)
                return

    @property
    def seq(self):
        """The CSeq number."""
        return int(self.get("cseq").split()[0])

    def encode(self):
        """The message as it goes on the wire; Content-Length is put in here."""
        if self.status:
            lines = ["SIP/2.0 %d %s" % (self.status, self.reason)]
        else:
            lines = ["%s %s SIP/2.0" % (self.method, self.uri)]
        for name, value in self.fields:
            if name != "content-length":
                lines.append("%s: %s" % (_spell(name), value))
        lines.append("Content-Length: %d\r\n\r\n" % len(self.body))
        return "\r\n".join(lines).encode() + self.body


def _spell(name):
    if name == "cseq":
        return "CSeq"
    words = [word[0].upper() + word[1:] for word in name.split("-")]
    return "-".join(words).replace("-Id", "-ID")


def _find(table, key):
    """What stands behind ",key=" in a table; None if nothing does."""
    at = table.find(",%s=" % key)
    if at < 0:
        return None
    at = table.find("=", at) + 1
    return table[at : table.find(",", at)]


def reply(request, status, tag=None):
    """A response to `request` (RFC 3261 8.2.6): Via, From, To, Call-ID, CSeq, Record-Route.

    `tag` goes to To unless it has one.
    """
    response = Message(request.method, status=status, reason=_find(_REASONS, status) or "")
    for name, value in request.fields:
        if name == "to" and tag and header.param(value, "tag") is None:
            value = value + ";tag=" + tag
        if name in _NEEDED or name == "record-route":
            response.add(name, value)
    return response


def parse(data):
    """The Message in the bytes of one datagram. ValueError says why there is none."""
    at = 0
    while data[at : at + 1] in (b"\r", b"\n"):  # RFC 3261 7.5
        at += 1
    line, at = _line(data, at)
    message = _start_line(line)
    name = value = ""
    while at < len(data):
        line, at = _line(data, at)
        if not line:
            break
        if line[0] in " \t":  # a folded line goes on with the value before it
            value += " " + line.strip()
            continue
        _add(message, name, value)
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a header line without a colon")
        name = name.strip().lower()
        if len(name) == 1:
            name = _find(_COMPACT, name) or name
    _add(message, name, value)
    _check(message)
    message.body = _body(message, data[at:])
    return message


def _line(data, start):
    """The line from `start` without its end, and where the next one begins."""
    end = data.find(b"\n", start)
    if end < 0:
        return header.text(data[start:]), len(data)
    line = data[start:end]
    return header.text(line[:-1] if line.endswith(b"\r") else line), end + 1


def _start_line(line):
    words = line.split()
    if line[:8].upper() == "SIP/2.0 ":
        if len(words) < 2 or not words[1].isdigit() or not 100 <= int(words[1]) <= 699:
            raise ValueError("a bad status line")
        return Message(status=int(words[1]), reason=" ".join(words[2:]))
    if len(words) != 3 or words[2].upper() != "SIP/2.0":
        raise ValueError("not a SIP start line")
    return Message(words[0], words[1])


def _add(message, name, value):
    if name in _LISTS:
        for part in header.split(value):
            message.add(name, part)
    elif name:
        message.add(name, value.strip())


def _check(message):
    for name in _NEEDED:
        if not message.get(name):
            raise ValueError("no " + name)
    words = message.get("cseq").split()
    if len(words) != 2 or not words[0].isdigit() or len(words[0]) > 10:
        raise ValueError("a bad CSeq")
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
