"""The media of one line: what it offers and answers, and the stream that comes of it."""

from micropython import const

from usip import net, sdp

_EVENT = const(101)  # our payload type for telephone-event; any other if the peer offers it


class Media:
    """RTP at `host`:`port`, by a `stream` with start(address, agreed), stop() and poll().

    `stream.codecs` is a tuple of sdp.PCMU and sdp.PCMA in the order of its liking,
    `stream.events` whether it does telephone-event. A stream that runs is started again when
    an offer within the call changes something; `agreed` is an sdp.Agreed.

    `hold` says whether our next offer or answer is to put the peer on hold. `agreed` is what
    offer and answer came to, None before, `running` that by which the stream runs. With a
    peer on hold `agreed.sends` is False: it hears nothing.

    A user agent has one Media for each call that it can hold at the same time.
    """

    def __init__(self, host, port, stream, resolve=net.resolve):
        self.stream = stream
        self.host = host
        self.hold = False
        self.agreed = None
        self._port = port
        self._resolve = resolve
        self._session = int(net.token(3), 16)
        self._version = 0
        self._sections = None  # our last description, without its head
        self._around = []  # sections of others, by which ours keeps its place; None is ours
        self._peer = None
        self.running = None

    def offer(self):
        """Our offer, as bytes. An offer within the call keeps the order of its sections."""
        sections = []
        way = "sendonly" if self.hold else "sendrecv"
        payloads = [(codec, codec) for codec in self.stream.codecs]
        event = _EVENT if self.stream.events else None
        for around in self._around or [None]:
            sections.append(around or sdp.audio(self._port, payloads, event, way))
        return self._build(sections)

    def answer(self, offered):
        """Our answer to an offer. ValueError if there is nothing in it that we can do, and
        then all stays as it was."""
        sections = sdp.parse(offered)
        at, payload, codec = sdp.choose(sections, self.stream.codecs)
        section = sections[at]
        way = sdp.answering(section.way, self.hold)
        agreed = self._agree(section, payload, codec, way)
        self._around = [each.refused() for each in sections]
        self._around[at] = None
        mine = sdp.audio(self._port, [(payload, codec)], agreed.event, way)
        return self._build([around or mine for around in self._around])

    def accept(self, answered):
        """Takes the answer to our offer. ValueError if there is nothing in it that we can do."""
        sections = sdp.parse(answered)
        at, payload, codec = sdp.choose(sections, self.stream.codecs)
        section = sections[at]
        self._agree(section, payload, codec, sdp.answering(section.way, self.hold))

    def _agree(self, section, payload, codec, way):
        agreed = sdp.Agreed(section, payload, codec, way)
        if not self.stream.events:
            agreed.event = None
        agreed.holding = self.hold
        if self.hold or section.host in ("0.0.0.0", "::"):
            agreed.sends = False
        if not net.numeric(agreed.host):  # DNS would have us wait
            raise ValueError("no address: " + agreed.host)
        try:
            self._peer = self._resolve(agreed.host, agreed.port)
        except OSError:
            raise ValueError("no way to " + agreed.host)
        self.agreed = agreed
        return agreed

    def _build(self, sections):
        if sections != self._sections:  # RFC 3264 8: another description, another version
            self._version += 1
            self._sections = sections
        return sdp.build(self.host, self._session, self._version, sections)

    def start(self):
        """The stream runs, to where offer and answer said."""
        if not self.agreed.same(self.running):
            self.running = self.agreed
            self.stream.start(self._peer, self.agreed)

    def suspend(self):
        """The stream ends, but may be restored as it was."""
        self.stream.stop()
        self.running = None

    def restore(self, agreed):
        """The stream runs again by what was agreed before."""
        self.agreed = agreed
        self.hold = agreed.holding
        self._peer = self._resolve(agreed.host, agreed.port)
        self.start()

    def stop(self):
        """The stream ends, and what was agreed with it."""
        self.stream.stop()
        self.agreed = self.running = self._sections = None
        self._around = []
        self.hold = False
