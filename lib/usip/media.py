"""The media of one line: what it offers and answers, and the stream that comes of it."""

from usip import net, sdp


class Media:
    """RTP at `host`:`port`, by a `stream` with start(address), stop() and poll().

    A user agent has one Media for each call that it can hold at the same time.
    """

    def __init__(self, host, port, stream, resolve=net.resolve):
        self.stream = stream
        self._host = host
        self._port = port
        self._resolve = resolve
        self._session = int(net.token(3), 16)
        self._peer = None

    def offer(self):
        """Our offer, as bytes."""
        return sdp.offer(self._host, self._port, self._session)

    def answer(self, offered):
        """Our answer to an offer. ValueError if there is nothing in it that we can do."""
        body, peer = sdp.answer(offered, self._host, self._port, self._session)
        self._agree(peer)
        return body

    def accept(self, answered):
        """Takes the answer to our offer. ValueError if there is nothing in it that we can do."""
        self._agree(sdp.accepted(answered))

    def _agree(self, peer):
        try:
            self._peer = self._resolve(*peer)
        except OSError:
            raise ValueError("no way to " + peer[0])

    def start(self):
        """The stream runs, to where offer and answer said."""
        self.stream.start(self._peer)

    def stop(self):
        self.stream.stop()
