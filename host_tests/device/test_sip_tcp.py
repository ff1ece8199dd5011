"""lib/usip over TCP, on real connections of 127.0.0.1."""

import socket
import time

from doubles import Network, Phone
from real_sockets import HOST, at, free_port
from usip import message, net, parse
from usip.account import Account
from usip.tcp import Tcp


def wait(condition, turn, seconds=20):
    """Turns until the condition holds."""
    end = time.ticks_add(time.ticks_ms(), seconds * 1000)
    while not condition():
        assert time.ticks_diff(end, time.ticks_ms()) > 0, "it did not come to that"
        turn()


class Talker:
    """A phone at HOST:port that prefers TCP."""

    def __init__(self, prefer="tcp"):
        self.port = free_port()
        self.phone = Phone(Network(), time, HOST)
        transport = self.transport = self.phone.transport
        transport.port = self.port
        transport.prefer = prefer
        self.listener = net.listen(HOST, self.port)
        self.wrapped = []
        transport.tcp = Tcp(time, self.listener, wrap=self.wrap)
        self.agent = self.phone.agent
        self.uri = "sip:phone@%s:%d;transport=tcp" % (HOST, self.port)

    def wrap(self, sock, remote):
        self.wrapped.append(remote)
        return sock

    def close(self):
        self.listener.close()
        for each in list(self.transport.tcp._connections):
            each.lose()


class Both:
    def __init__(self):
        self.alice = Talker()
        self.bob = Talker()

    def turn(self):
        self.alice.phone.poll()
        self.bob.phone.poll()

    def close(self):
        self.alice.close()
        self.bob.close()


def test_call():
    both = Both()
    call = both.alice.agent.call(both.bob.uri)
    wait(lambda: both.bob.phone.states[-1:] == ["talking"], both.turn)
    wait(lambda: call.state == "talking", both.turn)
    assert both.alice.wrapped == [(HOST, both.bob.port)] and len(both.bob.wrapped) == 1
    assert ";transport=tcp>" in call.agent.contact()
    both.bob.agent.calls[0].hang_up()
    wait(lambda: call.state == "ended" and both.bob.agent.calls == [], both.turn)
    # Bob's BYE went to Alice's Contact, over a connection of its own.
    assert both.bob.transport.tcp.opened == 2
    assert both.alice.transport.failed == both.bob.transport.failed == 0
    both.close()


def test_nobody_listens():
    alice = Talker()
    call = alice.agent.call("sip:x@%s:%d;transport=tcp" % (HOST, free_port()))
    wait(lambda: call.state == "ended", alice.phone.poll)
    assert call.status == 503 and alice.transport.tcp._connections == []
    alice.close()


def test_connection_that_breaks_between_request_and_answer():
    both = Both()
    both.bob.phone.answers = False
    call = both.alice.agent.call(both.bob.uri)
    wait(lambda: call.state == "ringing", both.turn)
    for talker in (both.alice, both.bob):
        for connection in list(talker.transport.tcp._connections):
            connection.lose()
    both.bob.agent.calls[0].answer()  # goes to Alice's Via, over another connection
    wait(lambda: call.state == "talking", both.turn)
    both.close()


class Raw:
    """A client that writes bytes, and reads what comes back."""

    def __init__(self):
        self.talker = Talker()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.connect(at(self.talker.port))
        self.sock.setblocking(False)
        self.got = b""

    def turn(self):
        self.talker.phone.poll()
        try:
            data = self.sock.recv(1000)
        except OSError:
            return
        self.got += data or b""

    def options(self, number, body=b""):
        head = (
            "OPTIONS sip:x SIP/2.0\r\nv: SIP/2.0/TCP h;branch=z9hG4bK%d\r\nf: <sip:a@b>;tag=1\r\n"
        )
        head = head + "t: <sip:x>\r\ni: %d\r\nCSeq: 1 OPTIONS\r\nl: %d\r\n\r\n"
        return (head % (number, number, len(body))).encode() + body

    def answers(self, count):
        wait(lambda: self.got.count(b"\r\n\r\n") >= count, self.turn)
        return self.got

    def close(self):
        self.sock.close()
        self.talker.close()


def test_messages_in_pieces_and_together():
    raw = Raw()
    raw.sock.send(b"\r\n\r\n" + raw.options(1, b"x\r\n\r\ny") + raw.options(2))
    assert raw.answers(2).count(b"SIP/2.0 200 OK") == 2
    assert raw.got.startswith(b"\r\nSIP/2.0")  # the pong, then the answers
    raw.got = b""
    data = raw.options(3, b"body")
    for at_ in range(len(data)):
        raw.sock.send(data[at_ : at_ + 1])
        if at_ % 16 == 0:
            raw.turn()
    assert raw.answers(1).count(b"SIP/2.0 200 OK") == 1
    raw.close()


def test_length_that_is_none_ends_the_connection():
    raw = Raw()
    raw.sock.send(raw.options(1).replace(b"l: 0", b"l: -5") + raw.options(2))
    assert raw.answers(1).startswith(b"SIP/2.0 400 ")
    wait(lambda: not raw.talker.transport.tcp._connections, raw.turn)
    assert raw.got.count(b"SIP/2.0 ") == 1
    raw.close()


def test_header_without_end_ends_the_connection():
    raw = Raw()
    raw.sock.send(b"x" * 9000)
    wait(lambda: raw.talker.transport.tcp.opened == 1, raw.turn)
    wait(lambda: not raw.talker.transport.tcp._connections, raw.turn)
    raw.close()


def test_no_more_than_four_connections():
    raw = Raw()
    others = []
    for count in range(1, 8):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.connect(at(raw.talker.port))
        others.append(sock)
        wait(lambda count=count: raw.talker.transport.tcp.opened > count, raw.turn)
    assert len(raw.talker.transport.tcp._connections) == 4
    others[-1].send(raw.options(1))
    sock = raw.sock
    raw.sock = others[-1]
    raw.sock.setblocking(False)
    assert b"200 OK" in raw.answers(1)
    for each in others[:-1] + [sock]:
        each.close()
    raw.close()


def test_large_request_goes_over_tcp():
    """RFC 3261 18.1.1; and over UDP after all where nobody listens."""
    both = Both()
    for talker in (both.alice, both.bob):
        talker.transport.prefer = "udp"
    done = []
    body = b"x" * 1500
    uri = "sip:phone@%s:%d" % (HOST, both.bob.port)
    both.alice.transport.resolve = net.resolve
    both.alice.agent.publish(uri, "presence", "text/plain", body, done.append)
    wait(lambda: done, both.turn)
    assert done == [405] and both.bob.transport.received == 1
    assert both.alice.transport.tcp.opened == 1
    both.bob.listener.close()
    for talker in (both.alice, both.bob):
        for connection in list(talker.transport.tcp._connections):
            connection.lose()
    sent = []

    class Sock:
        def sendto(self, data, address):
            sent.append(parse.parse(bytes(data)))

    both.alice.transport._sock = Sock()
    both.alice.agent.publish(uri, "presence", "text/plain", body, done.append)
    wait(lambda: sent, both.turn)
    assert sent[0].get("via").startswith("SIP/2.0/UDP") and sent[0].body == body
    both.close()


def test_registered_over_tcp_by_the_address_of_udp():
    """The port of a connection is not where we can be reached, whatever Via says (RFC 3581)."""
    alice, server = Talker("udp"), Talker()
    proxy = "sip:%s:%d;transport=tcp" % (HOST, server.port)
    alice.agent.account = Account("201", "pbx.test", "secret", proxy=proxy)
    got = []

    def turn():
        alice.phone.poll()
        request = server.transport.receive()
        if request:
            got.append(request)
            response = message.reply(request, 200, "s")
            assert ";rport=" in response.get("via")
            response.add("contact", request.get("contact"))
            server.transport.send(response.encode(), request.source)

    registration = alice.agent.register(60)
    wait(lambda: registration.state == "registered", turn)
    for _ in range(200):
        turn()
    assert len(got) == 1 and alice.transport.public is None
    assert got[0].get("contact") == "<sip:201@%s:%d>;expires=60" % (HOST, alice.port)
    alice.close()
    server.close()
