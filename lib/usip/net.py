"""What sockets are on each port: addresses, waiting data; and random tokens.

A socket address is whatever getaddrinfo() and recvfrom() give: a tuple on ESP32 and CPython,
bytes on MicroPython's unix port. Only this file looks inside one.
"""

import binascii
import os
import select
import socket

from micropython import const

_BEGUN = const((11, 36, 114, 115, 118, 119))  # what connect() says when it has begun; lwIP differs


def resolve(host, port):
    """The socket address of host and port. A name blocks until DNS answers; OSError if not."""
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[0][-1]
    # The unix port gives a bytearray here, and bytes from recvfrom(): make them equal.
    return address if isinstance(address, tuple) else bytes(address)


def numeric(host):
    """Whether `host` is an address as a number: no name that DNS would have to tell."""
    return ":" in host or not host.strip("0123456789.")


def unpack(address):
    """(host, port) of a socket address."""
    if isinstance(address, tuple):
        return address[0], address[1]
    fields = socket.sockaddr(address)
    return socket.inet_ntop(fields[0], fields[1]), fields[2]


def udp(host, port):
    """A non-blocking UDP socket bound to host and port; OSError if the port is taken."""
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[0]
    sock = socket.socket(address[0], socket.SOCK_DGRAM)
    sock.bind(address[-1])
    sock.setblocking(False)
    return sock


def tcp(host, port):
    """A non-blocking TCP socket that is connecting to host and port. OSError if it can not."""
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(address[-1])
    except OSError as error:
        if error.args[0] not in _BEGUN:
            sock.close()
            raise
    return sock


def listen(host, port):
    """A non-blocking TCP socket that listens; OSError if the port is taken."""
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address[-1])
    sock.listen(2)
    sock.setblocking(False)
    return sock


def ready(sock):
    """A function that says whether `sock` has a datagram, without allocating.

    Asking by recvfrom() costs its whole buffer and an exception each time nothing is there.
    The function never waits: waiting in poll is a matter of 10 ms ticks on an ESP32.
    """
    return _watch(sock, select.POLLIN)


def writable(sock):
    """A function that says whether `sock` takes data, or has failed to connect."""
    return _watch(sock, select.POLLOUT)


def _watch(sock, event):
    poller = select.poll()
    poller.register(sock, event)
    if not hasattr(poller, "ipoll"):  # CPython
        return lambda: bool(poller.poll(0))

    def waiting():
        for _ in poller.ipoll(0):
            return True
        return False

    return waiting


def token(size):
    """`size` random bytes as hex: tags, branches, Call-IDs."""
    return binascii.hexlify(os.urandom(size)).decode()
