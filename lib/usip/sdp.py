"""Session descriptions of one audio stream, offered or answered (RFC 4566, RFC 3264).

What a stream can be: PCMU or PCMA, with or without telephone-event (RFC 4733).
"""

from micropython import const

from usip import header

PCMU = 0
PCMA = 8
_NAMES = {PCMU: "pcmu/8000", PCMA: "pcma/8000"}
_PTIME_MS = const(20)
_MOST = const(65535)  # the last port
_WAYS = const(("sendrecv", "sendonly", "recvonly", "inactive"))
_MIRROR = {"sendonly": "recvonly", "recvonly": "sendonly"}


class Agreed:
    """What came of an offer and its answer.

    `host`, `port`, `rtcp_port`: where the peer wants RTP and RTCP. `codec` is PCMU or PCMA,
    `payload` its number on the wire, `event` that of telephone-event or None, `ptime_ms` how
    much the peer wants in a packet. `sends` and `receives` are ours: whether we may send, and
    whether the peer will. `held`: the peer has put us on hold; `holding`: we have it.
    """

    def __init__(self, section, payload, codec, way):
        self.host = section.host
        self.port = section.port
        self.rtcp_port = section.rtcp_port
        self.payload = payload
        self.codec = codec
        self.event = section.event
        self.ptime_ms = section.ptime_ms
        self.sends = way in ("sendrecv", "sendonly")
        self.receives = way in ("sendrecv", "recvonly")
        self.held = section.way in ("sendonly", "inactive")
        self.holding = False

    def same(self, other):
        """Whether a stream that runs by `other` need not hear of it."""
        return other is not None and self._all() == other._all()

    def _all(self):
        where = (self.host, self.port, self.rtcp_port)
        what = (self.payload, self.codec, self.event, self.ptime_ms)
        return where + what + (self.sends, self.receives, self.held, self.holding)


class _Section:
    """One m= line and what belongs to it."""

    def __init__(self, words, host, way):
        self.line = " ".join(words)
        self.kind = words[0]
        self.port = int(words[1].split("/", 1)[0])
        if not 0 <= self.port <= _MOST:
            raise ValueError("no port")
        self.protocol = words[2]
        self.formats = words[3:]
        self.host = host
        self.way = way
        self.names = {}  # of formats, by rtpmap
        self.ptime_ms = _PTIME_MS
        self.rtcp_port = min(self.port + 1, _MOST)

    @property
    def event(self):
        for payload in self.formats:
            if self.names.get(payload) == "telephone-event/8000":
                return int(payload)
        return None

    def codecs(self):
        """(payload, codec) of each format that we have, in its order."""
        for payload in self.formats:
            for codec in _NAMES:
                if self.names.get(payload, _static(payload)) == _NAMES[codec]:
                    yield int(payload), codec

    def refused(self):
        """The m= line of our answer to what we do not do."""
        return "m=%s 0 %s %s\r\n" % (self.kind, self.protocol, " ".join(self.formats))


def _static(payload):
    return _NAMES.get(int(payload)) if payload.isdigit() else None


def parse(body):
    """The m= sections in the bytes of a description. ValueError if it is none."""
    host = ""
    way = "sendrecv"
    sections = []
    for line in header.text(body).split("\n"):
        line = line.strip()
        section = sections[-1] if sections else None
        words = line[2:].split()
        if line[:2] == "m=":
            if len(words) < 4:
                raise ValueError("a bad m= line")
            sections.append(_Section(words, host, way))
        elif line[:2] == "c=" and len(words) == 3:
            where = words[2].split("/", 1)[0]
            if section:
                section.host = where
            else:
                host = where
        elif line[:2] == "a=":
            if line[2:] in _WAYS:
                if section:
                    section.way = line[2:]
                else:
                    way = line[2:]
            elif section:
                _attribute(section, line[2:])
    for section in sections:
        if section.host in ("0.0.0.0", "::"):  # hold as in RFC 2543
            section.way = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(
                section.way, section.way
            )
    return sections


def _attribute(section, text):
    name, _, value = text.partition(":")
    if name == "rtpmap":
        payload, _, codec = value.partition(" ")
        codec = codec.strip().lower()
        if payload.isdigit() and int(payload) < 128:  # RTP has 7 bits for it
            section.names[payload] = codec[:-2] if codec.endswith("/1") else codec
    elif name == "ptime" and value.strip().isdigit():
        section.ptime_ms = min(max(int(value), 10), 100)
    elif name == "rtcp" and value.split()[:1] and value.split()[0].isdigit():
        port = int(value.split()[0])
        if 0 < port <= _MOST:
            section.rtcp_port = port


def choose(sections, codecs):
    """(index, payload, codec) of the first audio section that has one of `codecs`.

    ValueError when there is none.
    """
    for at, section in enumerate(sections):
        if section.kind == "audio" and section.protocol == "RTP/AVP" and section.port:
            for payload, codec in section.codecs():
                if codec in codecs:
                    return at, payload, codec
    raise ValueError("no stream that we can play")


def answering(way, hold):
    """The direction that answers `way`, when we would hold the peer or not (RFC 3264 6.1)."""
    way = _MIRROR.get(way, way)
    if hold:
        return {"sendrecv": "sendonly", "recvonly": "inactive"}.get(way, way)
    return way


def audio(port, payloads, event, way):
    """The m= section of our stream: `payloads` is a list of (number, codec)."""
    formats = ["%d" % number for number, _ in payloads]
    maps = ["a=rtpmap:%d %s\r\n" % (number, _NAMES[codec].upper()) for number, codec in payloads]
    if event is not None:
        formats.append("%d" % event)
        maps.append("a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n" % (event, event))
    return "m=audio %d RTP/AVP %s\r\n%sa=ptime:%d\r\na=%s\r\n" % (
        port,
        " ".join(formats),
        "".join(maps),
        _PTIME_MS,
        way,
    )


def build(host, session, version, sections):
    """A description, as bytes; `session` and `version` are the numbers of its o= line."""
    family = "IP6" if ":" in host else "IP4"
    head = "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n"
    return (head % (session, version, family, host, family, host) + "".join(sections)).encode()
