"""SIP messages: bytes in, bytes out (RFC 3261 section 7).

Tolerant in what it reads: any case, compact names, folded lines, LF alone, a missing
Content-Length. Strict in what it writes.
"""

from usip import header

_COMPACT = {
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
# These come as comma lists or one a line; a Message holds one a field.
_LISTS = (b"via", b"route", b"record-route", b"contact")
# What Capitalised-Words does not give.
_SPELLED = {b"call-id": b"Call-ID", b"cseq": b"CSeq", b"www-authenticate": b"WWW-Authenticate"}
REASONS = {
    100: b"Trying",
    180: b"Ringing",
    200: b"OK",
    400: b"Bad Request",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    420: b"Bad Extension",
    481: b"Call/Transaction Does Not Exist",
    486: b"Busy Here",
    487: b"Request Terminated",
    488: b"Not Acceptable Here",
    500: b"Server Internal Error",
    503: b"Service Unavailable",
    603: b"Decline",
}
_NEEDED = (b"via", b"from", b"to", b"call-id", b"cseq")


class Message:
    """A request (`method`, `uri`) or a response (`status`, `reason`).

    `fields` is a list of (name, value) in wire order, names long and in lower case. `seq` and
    `seq_method` are the CSeq. A response has the method of its CSeq as `method`.
    """

    def __init__(self, method=b"", uri=b"", status=0, reason=b""):
        self.method = method
        self.uri = uri
        self.status = status
        self.reason = reason
        self.fields = []
        self.body = b""
        self.source = None  # a socket address: who sent it; for a request, where replies go

    def get(self, name, default=b""):
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
        return int(self.get(b"cseq").split()[0])

    def encode(self):
        """The message as it goes on the wire; Content-Length is put in here."""
        if self.status:
            lines = [b"SIP/2.0 %d %s" % (self.status, self.reason)]
        else:
            lines = [b"%s %s SIP/2.0" % (self.method, self.uri)]
        for name, value in self.fields:
            lines.append(_spell(name) + b": " + value)
        lines.append(b"Content-Length: %d\r\n\r\n" % len(self.body))
        return b"\r\n".join(lines) + self.body


def _spell(name):
    if name in _SPELLED:
        return _SPELLED[name]
    return b"-".join([word[:1].upper() + word[1:] for word in name.split(b"-")])


def reply(request, status, tag=None):
    """A response to `request` (RFC 3261 8.2.6): Via, From, To, Call-ID, CSeq, Record-Route.

    `status` is one of REASONS. `tag` goes to To unless it has one.
    """
    response = Message(request.method, status=status, reason=REASONS[status])
    for name, value in request.fields:
        if name == b"to" and tag and header.param(value, b"tag") is None:
            value = value + b";tag=" + tag
        if name in _NEEDED or name == b"record-route":
            response.add(name, value)
    return response


def parse(data):
    """The Message in the bytes of one datagram. ValueError says why there is none."""
    start = 0
    while data[start : start + 1] in (b"\r", b"\n"):  # RFC 3261 7.5
        start += 1
    end, at = _line(data, start)
    message = _start_line(data[start:end])
    name, value = b"", b""
    while at < len(data):
        start = at
        end, at = _line(data, start)
        if end == start:
            break
        if data[start] in b" \t":  # a folded line goes on with the value before it
            value += b" " + data[start:end].strip()
            continue
        _add(message, name, value)
        name, colon, value = data[start:end].partition(b":")
        if not colon:
            raise ValueError("a header line without a colon")
        name = name.strip().lower()
        name = _COMPACT.get(name, name)
    _add(message, name, value)
    _check(message)
    message.body = _body(message, data[at:])
    return message


def _line(data, start):
    """Where the line from `start` ends, and where the next one begins."""
    end = data.find(b"\n", start)
    if end < 0:
        return len(data), len(data)
    return (end - 1 if end > start and data[end - 1] == 13 else end), end + 1


def _start_line(line):
    if line[:8].upper() == b"SIP/2.0 ":
        words = line.split(None, 2)
        if len(words) < 2 or not words[1].isdigit() or not 100 <= int(words[1]) <= 699:
            raise ValueError("a bad status line")
        return Message(status=int(words[1]), reason=words[2] if len(words) > 2 else b"")
    words = line.split()
    if len(words) != 3 or words[2].upper() != b"SIP/2.0":
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
            raise ValueError("no " + name.decode())
    words = message.get(b"cseq").split()
    if len(words) != 2 or not words[0].isdigit() or len(words[0]) > 10:
        raise ValueError("a bad CSeq")
    if message.status:
        message.method = words[1]
    elif words[1] != message.method:
        raise ValueError("the CSeq is of another method")


def _body(message, rest):
    length = message.get(b"content-length", None)
    if length is None:
        return rest
    if not length.isdigit() or int(length) > len(rest):
        raise ValueError("a wrong Content-Length")
    return rest[: int(length)]
