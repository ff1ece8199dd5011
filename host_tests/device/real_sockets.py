"""Sockets of 127.0.0.1 under both interpreters; MicroPython's can not tell its port."""

import os
import socket

HOST = "127.0.0.1"
TCP = socket.SOCK_STREAM

# Tests that run at the same time begin at different ports, below those that anybody else is
# given: by uhep_tools/ports.py, and by the kernel.
_LAST = 20000
_next = [10000 + (os.urandom(1)[0] << 8 | os.urandom(1)[0]) % 8000]


def at(port):
    """The address of HOST:port as this interpreter's sockets want it."""
    return socket.getaddrinfo(HOST, port)[0][-1]


def bound(kind):
    """(a socket bound to a free port, that port)."""
    sock = socket.socket(socket.AF_INET, kind)
    while True:
        _next[0] += 1
        try:
            sock.bind(at(_next[0]))
            return sock, _next[0]
        except OSError:
            if _next[0] > _LAST:
                raise


def udp():
    """(a UDP socket bound to a free port, that port)."""
    return bound(socket.SOCK_DGRAM)


def free_port():
    """A port that nothing is bound to."""
    sock, port = bound(TCP)
    sock.close()
    return port


def free_for_both():
    """A port that nothing is bound to, by UDP nor by TCP."""
    while True:
        port = free_port()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.bind(at(port))
            return port
        except OSError:
            pass
        finally:
            sock.close()


def pair():
    """(client, server, port of the server): both ends of a TCP connection."""
    listener, port = bound(TCP)
    listener.listen(1)
    client = socket.socket(socket.AF_INET, TCP)
    client.connect(at(port))
    server = listener.accept()[0]
    listener.close()
    return client, server, port
