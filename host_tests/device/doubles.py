"""Stand-ins for what the device has, for both interpreters: a clock, a network, a phone."""

from usip import agent, media, transport

_PERIOD = 1 << 30


def raises(error, function, *args):
    """Calls function(*args), which must raise `error`; returns the error's text."""
    try:
        function(*args)
    except error as raised:
        return str(raised)
    raise AssertionError("did not raise " + error.__name__)


class Clock:
    """Ticks that move when told to, and wrap as on an ESP32."""

    def __init__(self, start=_PERIOD - 1000):  # so that every test crosses the wrap
        self.now = start

    def pass_ms(self, ms):
        self.now = (self.now + ms) % _PERIOD

    def ticks_ms(self):
        return self.now

    def ticks_us(self):
        return self.now * 1000 % _PERIOD

    def time_ns(self):
        return 1767225600500000000

    def ticks_add(self, ticks, delta):
        return (ticks + delta) % _PERIOD

    def ticks_diff(self, end, start):
        return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


class Network:
    """Datagrams between sockets in this process. `log` holds (source, target, bytes) of each
    one sent; `lose(data)` says which of them never arrive."""

    def __init__(self):
        self.log = []
        self.lose = lambda data: False
        self._sockets = {}

    def socket(self, host, port):
        sock = self._sockets[(host, port)] = Socket(self, (host, port))
        return sock

    def forget(self, address):
        self._sockets.pop(address, None)

    def deliver(self, source, target, data):
        self.log.append((source, target, data))
        if target in self._sockets and not self.lose(data):
            self._sockets[target].waiting.append((data, source))


class Socket:
    def __init__(self, network, address):
        self.address = address
        self.waiting = []
        self.failure = None  # an OSError that the next sendto or recvfrom raises
        self._network = network

    def _fail(self):
        if self.failure:
            failure, self.failure = self.failure, None
            raise failure

    def sendto(self, data, address):
        self._fail()
        self._network.deliver(self.address, address, bytes(data))
        return len(data)

    def recvfrom(self, size):
        self._fail()
        if not self.waiting:
            raise OSError(11)
        data, source = self.waiting.pop(0)
        return data[:size], source

    def recv(self, size):
        return self.recvfrom(size)[0]

    def close(self):
        self._network.forget(self.address)

    def ready(self):
        return bool(self.waiting or self.failure)


class Stream:
    """A media stream that only remembers what it was told: where to send, and what."""

    codecs = (0, 8)
    events = True
    audio = None

    def __init__(self):
        self.peer = None
        self.agreed = None

    @property
    def running(self):
        return self.peer is not None

    def start(self, peer, agreed):
        self.peer = peer
        self.agreed = agreed

    def stop(self):
        self.peer = None

    def poll(self):
        pass


def resolve(host, port):
    """Names are addresses on this network, but for one that DNS does not know."""
    if not 0 < port < 65536:  # what getaddrinfo() does, where it is no small int
        raise TypeError("no port: %d" % port)
    if host == "nowhere.invalid":
        raise OSError(-2)
    return host, port


class Phone:
    """A user agent at `host`:5060 with `lines` lines; `states` holds all that its calls did."""

    def __init__(self, network, clock, host, lines=1):
        self.sock = network.socket(host, 5060)
        self.transport = transport.Transport(self.sock, host, 5060, self.sock.ready, resolve)
        media_lines = [media.Media(host, 4000 + 2 * n, Stream(), resolve) for n in range(lines)]
        self.agent = agent.UserAgent(
            self.transport, media_lines, "phone", self._on_state, clock=clock
        )
        self.uri = "sip:phone@%s:5060" % host
        self.agent.on_event = self._on_event
        self.calls = []
        self.states = []
        self.events = []
        self.answers = True

    def _on_state(self, call):
        if call not in self.calls:
            self.calls.append(call)
        self.states.append(call.state)

    def _on_event(self, name, subject, value):
        self.events.append((name, value))

    def poll(self):
        while self.agent.poll():
            pass
        for call in list(self.agent.calls):
            if self.answers and not call.outgoing and call.state == "ringing":
                call.answer()


class Pair:
    """Alice and Bob, two phones on one network."""

    def __init__(self):
        self.clock = Clock()
        self.network = Network()
        self.alice = Phone(self.network, self.clock, "192.0.2.1")
        self.bob = Phone(self.network, self.clock, "192.0.2.2")

    def run(self, ms):
        """Lets both work for a time."""
        for _ in range(ms // 10):
            self.alice.poll()
            self.bob.poll()
            self.clock.pass_ms(10)

    def call(self):
        return self.alice.agent.call(self.bob.uri)

    def starts(self):
        """The first words of every SIP message sent, in order."""
        return [start(data) for _, _, data in self.network.log]


def start(data):
    """`INVITE`, or `200 INVITE` for a response."""
    line = data.split(b"\r\n", 1)[0]
    if not line.startswith(b"SIP/2.0"):
        return line.split()[0].decode()
    method = data.split(b"\r\nCSeq: ", 1)[1].split(b"\r\n", 1)[0].split()[1]
    return (line.split()[1] + b" " + method).decode()
