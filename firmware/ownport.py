"""TCP connections from a port of our own choice, since no port of MicroPython tells theirs."""

import errno
import os
import socket

from micropython import const

_PORTS = const(8)  # tries

# What connect says when it has begun: the name differs by port, and lwIP has two of them.
_BEGUN = (errno.EINPROGRESS, errno.EALREADY, errno.EAGAIN, 118, 119)


def connect(host, port, own):
    """(A socket that is connecting from the address `own` without waiting, its (host, port)).

    OSError if it can not even begin.
    """
    where = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(where[0], where[1])
    try:
        here = _bind(sock, own)
        sock.setblocking(False)
        try:
            sock.connect(where[-1])
        except OSError as error:
            if error.args[0] not in _BEGUN:
                raise
    except (OSError, MemoryError):
        sock.close()
        raise
    return sock, here


def _bind(sock, host):
    for _ in range(_PORTS):
        drawn = os.urandom(2)
        port = 0xC000 | drawn[0] << 8 & 0x3F00 | drawn[1]
        try:
            sock.bind(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][-1])
        except OSError as error:
            if error.args[0] != errno.EADDRINUSE:
                raise
        else:
            return host, port
    raise OSError(errno.EADDRINUSE)
