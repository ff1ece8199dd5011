"""The worked examples of lib/uhep/README.md, run as they stand there."""

import asyncio
import socket

from capture_doubles import field
from real_sockets import HOST, at, free_port, pair, udp

README = (__file__.rpartition("/")[0] or ".") + "/../../lib/uhep/README.md"
ASKED = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: asked\r\nContent-Length: 0\r\n\r\n"
ANSWERED = b"SIP/2.0 200 OK\r\nCall-ID: asked\r\nContent-Length: 0\r\n\r\n"


class Collector:
    """Where the examples send to, instead of 192.0.2.9:9060."""

    def __init__(self):
        self.sock, self.port = udp()
        self.sock.settimeout(5)

    def example(self, title):
        """The names that the example under this title defines."""
        with open(README) as f:
            text = f.read()
        code = text.split("**" + title, 1)[1].split("```python\n", 1)[1].split("```", 1)[0]
        assert "192.0.2.9:9060" in code
        names = {}
        exec(code.replace("192.0.2.9:9060", "%s:%d" % (HOST, self.port)), names)
        return names

    def check(self, local):
        """What came: the question and the answer, seen from `local` as (host, port)."""
        host = bytes([int(n) for n in local[0].split(".")])
        for message, ip, port in ((ASKED, 4, 8), (ANSWERED, 3, 7)):
            packet = self.sock.recv(4096)
            assert field(packet, 15) == message
            assert field(packet, 17) == b"asked"
            assert field(packet, ip) == host
            assert field(packet, port) == bytes((local[1] >> 8, local[1] & 255))

    def close(self, agent):
        agent.close()
        self.sock.close()


def test_wrap_a_socket():
    collector = Collector()
    names = collector.example("Wrap a socket")
    peer, peer_port = udp()
    port = free_port()
    done = []

    def stack(sock):
        if not done:
            done.append(peer.sendto(ASKED, at(port)))
            return True
        data, addr = sock.recvfrom(2048)
        assert data == ASKED
        sock.sendto(ANSWERED, addr)
        names["agent"].poll()
        return False

    sock = names["main"](stack, at(port))
    assert type(sock) is socket.socket
    names["agent"].poll()
    collector.check(("192.0.2.10", port))
    assert peer.recv(2048) == ANSWERED
    sock.close()
    peer.close()
    collector.close(names["agent"])


def test_wrap_a_connection():
    collector = Collector()
    names = collector.example("Wrap a connection")
    client, server, port = pair()
    turns = []

    def stack(sock):
        turns.append(len(turns))
        if len(turns) == 1:
            server.send(ASKED + b"\r\n\r\n")
            assert sock.recv(20) == ASKED[:20]
        elif len(turns) == 2:
            assert sock.recv(2048) == ASKED[20:] + b"\r\n\r\n"
        else:
            sock.send(ANSWERED)
        return len(turns) < 4

    sock = names["main"](stack, client, ("192.0.2.20", port))
    assert sock is client and server.recv(2048).startswith(ANSWERED)
    while names["agent"].poll() or names["agent"].stats()["waiting"]:
        pass
    collector.check(("192.0.2.10", 5060))
    client.close()
    server.close()
    collector.close(names["agent"])


def test_call_from_a_hook():
    collector = Collector()
    names = collector.example("Call from a hook")
    for _ in range(2):
        names["trace"].received(ASKED, ("192.0.2.20", 5070))
        names["trace"].sent(ANSWERED, ("192.0.2.20", 5070))
    while names["agent"].poll() or names["agent"].stats()["waiting"]:
        pass
    for _ in range(2):
        collector.check(("192.0.2.10", 5060))
    for number in range(100):
        names["trace"].sent(ANSWERED, ("192.0.2.20", number))
    assert len(names["trace"].flows) <= 8
    collector.close(names["agent"])


def test_tap_an_asyncio_server():
    collector = Collector()
    names = collector.example("Tap an asyncio server")

    async def serve(reader, writer):
        assert await reader.readexactly(len(ASKED)) == ASKED
        writer.write(ANSWERED)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def talk():
        port = free_port()
        server = await names["main"](serve, HOST, port)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(ASKED)
        await writer.drain()
        assert await reader.readexactly(len(ANSWERED)) == ANSWERED
        assert await reader.read(1) == b""
        writer.close()
        while names["agent"].stats()["sent"] < 2:
            await asyncio.sleep(0.01)
        server.close()
        return port

    port = asyncio.run(talk())
    collector.check((HOST, port))
    collector.close(names["agent"])
