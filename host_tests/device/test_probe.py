"""firmware/probe.py on real sockets: both transports, bounded whatever comes."""

import socket
import time

import probe
from capture_doubles import agent, drain, field
from doubles import Clock, raises
from real_sockets import HOST, TCP, at, free_for_both, udp
from rfc4475 import messages
from usip.lines import Lines

KEY = bytes(range(16))


class World:
    """A probe, the server's sockets (UDP, and TCP that listens), and a phone's UDP socket."""

    def __init__(self, server="udp", capture=True, **more):
        self.clock = Clock()
        self.server_port = free_for_both()
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind(at(self.server_port))
        self.listener = socket.socket(socket.AF_INET, TCP)
        self.listener.bind(at(self.server_port))
        self.listener.listen(4)
        self.phone, self.phone_port = udp()
        self.settings = {
            "name": "probe",
            "sip_port": free_for_both(),
            "server": "%s:%d" % (HOST, self.server_port),
            "server_port": free_for_both(),
            "server_transport": server,
            "register": "contact",
            "connections": 3,
            "message_bytes": 2048,
            "idle_s": 60,
            "quit_after_ms": 0,
        }
        self.settings.update(more)
        self.agent = agent(queue_bytes=65536) if capture else None
        self.probe = probe.Probe(self.settings, self.agent, HOST, KEY, self.clock)
        self.open = [self.server, self.listener, self.phone]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.probe.close()
        for sock in self.open:
            sock.close()

    def run(self, until=lambda: False, seconds=5):
        """Lets the probe work until something is so; without that, for a moment."""
        end = time.ticks_add(time.ticks_ms(), int(seconds * 1000))
        while not until():
            if time.ticks_diff(time.ticks_ms(), end) > 0:
                return False
            self.probe.poll()
            time.sleep_ms(1)
        return True

    def came(self, sock):
        """What comes to a socket, while the probe works."""
        sock.setblocking(False)
        got = []

        def read():
            try:
                got.append(sock.recv(4096))
            except OSError:
                return False
            return True

        assert self.run(read), "nothing came"
        return got[0]

    def connect(self, port=None):
        """A TCP connection to the probe."""
        sock = socket.socket(socket.AF_INET, TCP)
        self.open.append(sock)
        sock.connect(at(port or self.settings["sip_port"]))
        return sock

    def accept(self):
        """The connection that the probe makes to the server."""
        self.listener.setblocking(False)
        got = []

        def accepted():
            try:
                got.append(self.listener.accept()[0])
            except OSError:
                return False
            return True

        assert self.run(accepted), "the probe does not connect"
        self.open.append(got[0])
        return got[0]

    def request(self, method="OPTIONS", transport="UDP", branch="one", body=b""):
        head = (
            "%s sip:bob@pbx.example SIP/2.0\r\n"
            "Via: SIP/2.0/%s %s:%d;branch=z9hG4bK%s;rport\r\n"
            "From: <sip:a@pbx.example>;tag=1\r\nTo: <sip:bob@pbx.example>\r\n"
            "Call-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: %d\r\n\r\n"
        ) % (method, transport, HOST, self.phone_port, branch, branch, method, len(body))
        return head.encode() + body


def answer(data):
    lines = [line for line in data.split(b"\r\n") if line[:4] in (b"Via:", b"From", b"To: ")]
    lines += [line for line in data.split(b"\r\n") if line[:5] in (b"Call-", b"CSeq:")]
    return b"SIP/2.0 200 OK\r\n" + b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n"


def captured(w):
    """[(source port, destination port, message)]"""
    found = []
    for p in drain(w.agent):
        ports = [field(p, k)[0] << 8 | field(p, k)[1] for k in (7, 8)]
        found.append((ports[0], ports[1], field(p, 15)))
    return found


def test_udp_both_ways_and_both_legs_captured():
    with World() as w:
        phone, mine = w.phone_port, w.settings["sip_port"]
        server, other = w.server_port, w.settings["server_port"]
        asked = w.request()
        w.phone.sendto(asked, at(mine))
        went = w.came(w.server)
        said = answer(went)
        w.server.sendto(said, at(other))
        back = w.came(w.phone)
        assert back.startswith(b"SIP/2.0 200 OK\r\n")
        # What is captured has left the agent by then.
        assert w.agent.link.packets
        assert captured(w) == [
            (phone, mine, asked),
            (other, server, went),
            (server, other, said),
            (mine, phone, back),
        ]
        assert w.probe.counts()["messages"] == {"received": 2, "sent": 2, "failed": 0}


def test_without_a_capture_agent_it_relays():
    with World(capture=False) as w:
        w.phone.sendto(w.request(), at(w.settings["sip_port"]))
        assert w.came(w.server)
        assert w.probe.counts()["capture"] is None


def test_tcp_both_ways_and_both_legs_captured():
    with World("tcp") as w:
        phone = w.connect()
        asked = w.request("INVITE", "TCP", body=b"v=0\r\n" * 100)
        phone.send(asked[:50])
        w.run(seconds=0.05)
        phone.send(asked[50:])
        server = w.accept()
        went = w.came(server)
        assert Lines(went).body == b"v=0\r\n" * 100
        said = answer(went)
        server.send(said + said[:20])
        back = w.came(phone)
        assert back.startswith(b"SIP/2.0 200 OK\r\n")
        found = captured(w)
        assert [m for _, _, m in found] == [asked, went, said, back]
        assert found[0][1] == found[3][0] == w.settings["sip_port"]
        assert found[1][1] == found[2][0] == w.server_port
        assert found[1][0] == found[2][1] >= 0xC000  # a port of its own choice
        # The server over a connection that it makes: to the phone, over the one that is there.
        again = w.connect(w.settings["server_port"])
        again.send(said)
        assert w.came(phone) == back


def test_a_ping_gets_its_pong():
    with World() as w:
        phone = w.connect()
        phone.send(b"\r\n\r\n")
        assert w.came(phone) == b"\r\n"
        w.phone.sendto(b"\r\n\r\n", at(w.settings["sip_port"]))
        w.run(seconds=0.05)
        assert w.probe.received == 0 and captured(w) == []


def test_a_server_that_is_not_there():
    with World("tcp") as w:
        w.listener.close()
        w.phone.sendto(w.request(), at(w.settings["sip_port"]))
        assert w.came(w.phone).startswith(b"SIP/2.0 503 Service Unavailable\r\n")
        assert len(w.probe.streams) == 0


def test_a_connection_that_breaks_before_all_has_gone():
    with World("tcp") as w:
        w.phone.sendto(w.request(), at(w.settings["sip_port"]))
        server = w.accept()
        assert w.came(server)
        server.close()
        assert w.run(lambda: len(w.probe.streams) == 0)
        w.phone.sendto(w.request(branch="two"), at(w.settings["sip_port"]))
        assert b"z9hG4bKtwo" in w.came(w.accept())


def test_a_peer_that_reads_nothing_is_given_up():
    with World("tcp", capture=False, message_bytes=9000) as w:
        w.phone.sendto(w.request(), at(w.settings["sip_port"]))
        server = w.accept()
        w.came(server)
        big = w.request("MESSAGE", body=b"x" * 8000)
        sent = [0]

        def gone():
            sent[0] += 1
            w.phone.sendto(big, at(w.settings["sip_port"]))
            return w.probe.streams.closed

        assert w.run(gone, 20)
        assert w.came(w.phone).startswith(b"SIP/2.0 503 ")


def test_connections_are_bounded():
    with World() as w:
        good = w.connect()
        good.send(w.request(transport="TCP"))
        w.came(w.server)
        others = []
        for i in range(9):
            others.append(w.connect())
            assert w.run(lambda: w.probe.streams.accepted == i + 2)
        assert len(w.probe.streams) == 3
        good.send(w.request(transport="TCP", branch="two"))
        assert b"z9hG4bKtwo" in w.came(w.server)  # those that said nothing went first
        for one in others[:6]:
            assert w.came(one) == b""


def test_silence_ends_a_connection():
    with World() as w:
        good, mute = w.connect(), w.connect()
        good.send(w.request(transport="TCP"))
        w.came(w.server)
        assert w.run(lambda: w.probe.streams.accepted == 2)
        w.clock.pass_ms(11000)
        assert w.came(mute) == b"" and len(w.probe.streams) == 1
        w.clock.pass_ms(61000)
        assert w.came(good) == b"" and len(w.probe.streams) == 0


def test_a_message_that_is_too_long_for_a_stream():
    with World() as w:
        phone = w.connect()
        phone.send(w.request("MESSAGE", "TCP", body=b"x" * 3000))
        assert w.came(phone).startswith(b"SIP/2.0 400 ")
        phone.send(w.request("MESSAGE", "TCP", branch="two", body=b"x" * 500))
        assert b"z9hG4bKtwo" in w.came(w.server)


def test_half_a_message_is_captured_and_refused():
    with World() as w:
        phone = w.connect()
        phone.send(w.request("MESSAGE", "TCP", body=b"x" * 500)[:-1])
        assert w.run(lambda: len(w.probe.streams) == 1)
        w.run(seconds=0.05)
        phone.close()
        assert w.run(lambda: w.probe.relay.answered == 1)
        assert len(captured(w)) >= 1


def test_what_the_server_sends_to_nobody():
    with World() as w:
        w.server.sendto(w.request("INVITE"), at(w.settings["server_port"]))
        assert w.came(w.server).startswith(b"SIP/2.0 404 ")


def test_no_message_of_rfc_4475_stops_it():
    with World() as w:
        for row, data in messages():
            for port in (w.settings["sip_port"], w.settings["server_port"]):
                w.phone.sendto(data, at(port))
                w.run(seconds=0.005)
        assert w.run(lambda: w.probe.received >= 80)  # a few have more octets than it takes
        w.phone.sendto(w.request(), at(w.settings["sip_port"]))

        def served():
            try:
                return w.server.recv(4096).startswith(b"OPTIONS sip:bob@pbx.example")
            except OSError:
                return False

        w.server.setblocking(False)
        assert w.run(served)


def test_the_server_is_looked_up_again():
    with World() as w:
        w.probe.relay = None
        w.phone.sendto(w.request(), at(w.settings["sip_port"]))
        w.run(seconds=0.05)
        assert w.probe.relay is None and w.probe.received == 1
        w.clock.pass_ms(6000)
        assert w.run(lambda: w.probe.relay)


def test_ports_that_are_taken():
    with World() as w:
        assert raises(OSError, probe.Probe, w.settings, None, HOST, KEY)


def test_the_secret_stays():
    import os

    path = "/tmp/uhep-probe-%s.key" % probe.Seal(os.urandom(8)).digest("x", 8)
    try:
        key = probe.secret(path)
        assert len(key) == 16 and probe.secret(path) == key
    finally:
        os.unlink(path)
    assert len(probe.secret("/nowhere/probe.key")) == 16
