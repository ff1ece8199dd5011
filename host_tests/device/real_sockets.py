"""Sockets of 127.0.0.1 under both interpreters; MicroPython's can not tell its port."""

import socket

HOST = "127.0.0.1"


def at(port):
    """The address of HOST:port as this interpreter's sockets want it."""
    return socket.getaddrinfo(HOST, port)[0][-1]


def bound(kind):
    """(a socket bound to a free port, that port). kind: socket.SOCK_DGRAM or SOCK_STREAM."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if kind == STREAM else 0)
    for port in range(_next(), 60000, 7):
        try:
            sock.bind(at(port))
            return sock, port
        except OSError:
            pass
    raise OSError("no free port")


def udp():
    """(a bound UDP socket, its port)."""
    return bound(socket.SOCK_DGRAM)


def pair():
    """(client, server, the client's peer port): two ends of a TCP connection."""
    listener, port = bound(STREAM)
    listener.listen(1)
    client = socket.socket(socket.AF_INET, STREAM)
    client.connect(at(port))
    server = listener.accept()[0]
    listener.close()
    return client, server, port


STREAM = socket.SOCK_STREAM
_ports = [20000]


def _next():
    # Tests of several processes begin at different ports.
    import os

    if _ports[0] == 20000:
        _ports[0] += (os.urandom(1)[0] << 8 | os.urandom(1)[0]) % 30000
    _ports[0] += 11
    return _ports[0]
