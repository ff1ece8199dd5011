"""SIP messages, and how they are written (RFC 3261 section 7)."""

from micropython import const

from usip import header

# One string: a dict of so many small objects takes ten times the memory.
_REASONS = const(
    ",100=Trying,180=Ringing,183=Session Progress,200=OK,202=Accepted,400=Bad Request"
    ",405=Method Not Allowed,406=Not Acceptable,408=Request Timeout,415=Unsupported Media Type"
    ",416=Unsupported URI Scheme,420=Bad Extension,422=Session Interval Too Small"
    ",481=Call/Transaction Does Not Exist,482=Loop Detected,486=Busy Here"
    ",487=Request Terminated,488=Not Acceptable Here,489=Bad Event,491=Request Pending"
    ",500=Server Internal Error,503=Service Unavailable,505=Version Not Supported"
    ",513=Message Too Large,603=Decline,"
)
NEEDED = ("via", "from", "to", "call-id", "cseq")


class Message:
    """A request (`method`, `uri`) or a response (`status`, `reason`); str, but for the body.

    `fields` is a list of (name, value) in wire order, names long and in lower case. A response
    has the method of its CSeq as `method`.
    """

    # Of the class, for what many have not: transactions keep messages for a while.
    body = b""
    # A socket address or a connection: who sent it; for a request, where replies go.
    source = None
    # Of a request of ours: the Dialog it is of, the URI of the next hop if that is not
    # `uri`, and how many times it was sent before without the right credentials.
    dialog = hop = None
    tries = 0

    def __init__(self, method="", uri="", status=0, reason=""):
        self.method = method
        self.uri = uri
        self.status = status
        self.reason = reason
        self.fields = []

    def get(self, name, default=""):
        """The first value of a field."""
        for key, value in self.fields:
            if key == name:
                return value
        return default

    def all(self, name):
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key == name]

    def tokens(self, name):
        """The parts of a field that is a comma list, as Supported."""
        return [part for value in self.all(name) for part in header.split(value) if part]

    def has(self, name, token):
        """Whether such a list holds `token`, in any case."""
        return token in [part.lower() for part in self.tokens(name)]

    def number(self, name):
        """The number that a field begins with, 999999999 at most; None if there is none.

        What is no number is a ValueError in a request, and none in a response: nobody could be
        told.
        """
        value = self.get(name).split(";", 1)[0].split("(", 1)[0].strip()
        if not value:
            return None
        if not value.isdigit():
            if self.status:
                return None
            raise ValueError("a bad " + name)
        return int(value) if len(value) < 10 else 999999999  # legal up to 2^32 - 1

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

    def remove(self, name):
        """Takes every field `name` out."""
        self.fields = [field for field in self.fields if field[0] != name]

    def put(self, content_type, body):
        """Gives the message a body."""
        self.add("content-type", content_type)
        self.body = body

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
    words = [word[:1].upper() + word[1:] for word in name.split("-")]
    return "-".join(words).replace("-Id", "-ID").replace("Rtp", "RTP").replace("-Se", "-SE")


def find(table, key):
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
    response = Message(request.method, status=status, reason=find(_REASONS, status) or "")
    for name, value in request.fields:
        if name == "to" and tag and header.param(value, "tag") is None:
            value = value + ";tag=" + tag
        if name in NEEDED or name == "record-route":
            response.add(name, value)
    return response
