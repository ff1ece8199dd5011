"""A SIP message as its lines: what a proxy passes on, and what of it is to be changed.

A field that nobody touches leaves octet for octet as it came, folded, compact or malformed.
message.py is for an end, which writes its messages itself.
"""

from micropython import const

from usip import header

_LONG = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
}
# A proxy takes these apart: here one value a line.
_LISTS = const(("via", "route"))


class Lines:
    """A request (`method`, `uri`) or a response (`status`); `body` in octets.

    `fields` is a list of (name, line): the name long and in lower case, the line in octets,
    as it came, without its end. `fault` is 0, or the status that refuses the request: 400 for
    a start line or a Content-Length that makes no sense, 505 for another version of SIP.
    """

    def __init__(self, data):
        """data: the octets of one message. ValueError if its start line is none of SIP."""
        at = 0
        while data[at : at + 1] in (b"\r", b"\n", b"\0"):
            at += 1
        self.method = self.uri = ""
        self.status = self.fault = 0
        line, at = _line(data, at)
        self._first = line
        self._start(header.text(line))
        self.fields = []
        while at < len(data):
            line, at = _line(data, at)
            if not line:
                break
            self._field(line)
        self.body = data[at:]
        self._length()

    def get(self, name):
        """The first value of a field, unfolded; None if there is none."""
        for key, line in self.fields:
            if key == name:
                return _value(line)
        return None

    def all(self, name):
        """Every value of a field, in order."""
        return [_value(line) for key, line in self.fields if key == name]

    def push(self, name, value):
        """Puts a field before all others."""
        self.fields.insert(0, _made(name, value))

    def pop(self, name):
        """Takes the first field `name` out."""
        for at, field in enumerate(self.fields):
            if field[0] == name:
                self.fields.pop(at)
                return

    def replace(self, name, value, at=0):
        """Gives the field `name` with that index (0: the first) another value."""
        for i, field in enumerate(self.fields):
            if field[0] == name:
                if not at:
                    self.fields[i] = _made(name, value)
                    return
                at -= 1

    def take_last(self, name):
        """Takes the last field `name` out; its value, or None."""
        for i in range(len(self.fields) - 1, -1, -1):
            if self.fields[i][0] == name:
                return _value(self.fields.pop(i)[1])
        return None

    def add(self, name, value):
        """Puts a field behind all others."""
        self.fields.append(_made(name, value))

    def encode(self):
        """The message as it goes on the wire."""
        lines = [self._first]
        if not self.status:
            lines[0] = ("%s %s SIP/2.0" % (self.method, self.uri)).encode()
        lines += [line for _, line in self.fields]
        lines.append(b"\r\n")
        return b"\r\n".join(lines) + self.body

    def _start(self, line):
        words = line.split()
        if line[:4].upper() == "SIP/":
            if len(words) < 2 or not words[1].isdigit() or not 100 <= int(words[1]) <= 699:
                raise ValueError("a bad status line")
            self.status = int(words[1])
            return
        if len(words) < 2 or words[-1][:4].upper() != "SIP/":
            raise ValueError("not a SIP start line")
        self.method = words[0]
        if len(words) == 3 and "/" not in self.method:
            self.uri = words[1]
        else:
            self.fault = 400
        if words[-1].upper() != "SIP/2.0":
            self.fault = 505

    def _field(self, line):
        if line[0] in b" \t" and self.fields:
            name, begun = self.fields.pop()
            line = begun + b"\r\n" + line
        else:
            name = header.text(line.partition(b":")[0]).strip().lower() if b":" in line else ""
            name = _LONG.get(name, name)
        self.fields.append((name, line))

    def _length(self):
        # Lists are taken apart here, since before a line might have gone on.
        fields = self.fields
        self.fields = []
        for name, line in fields:
            if name in _LISTS and b"," in line:
                self.fields += [_made(name, part) for part in header.split(_value(line))]
            else:
                self.fields.append((name, line))
        said = self.get("content-length")
        if said is None:
            return
        if not said.isdigit() or len(said) > 9 or int(said) > len(self.body):
            self.fault = self.fault or 400
        else:
            self.body = self.body[: int(said)]


def spell(name):
    """A field's name as it is written: `Call-ID`."""
    if name == "cseq":
        return "CSeq"
    words = [word[0].upper() + word[1:] for word in name.split("-")]
    return "-".join(words).replace("-Id", "-ID")


def _made(name, value):
    return name, ("%s: %s" % (spell(name), value)).encode()


def _line(data, start):
    """The line from `start` without its end, and where the next one begins."""
    end = data.find(b"\n", start)
    if end < 0:
        return data[start:], len(data)
    line = data[start:end]
    return line[:-1] if line.endswith(b"\r") else line, end + 1


def _value(line):
    value = header.text(line.partition(b":")[2])
    if "\n" in value:
        value = " ".join([part.strip() for part in value.split("\n")])
    return value.strip()
