"""The listening sockets of a capture server: UDP and TCP on one port, TLS on another."""

import errno
import os
import socket
import sys
from pathlib import Path

from uhep_tools.text import endpoint

RECEIVE_BUFFER = 8 << 20  # octets asked for: what comes while the database is being written
_BACKLOG = 128
_RCVBUFFORCE = 33  # Linux: SO_RCVBUF beyond net.core.rmem_max, for root only
_ANY_PORT_TRIES = 10


class ListenError(Exception):
    """The address can not be listened on; the text says which, why and what would help."""


def listen(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """(UDP, TCP) sockets bound to one port, 0 for any free one, both non-blocking.

    host: an IPv4 or IPv6 address, or a name, whose first address counts. Raises ListenError.
    """
    family, address = _resolve(host, port)
    for left in reversed(range(_ANY_PORT_TRIES if port == 0 else 1)):
        try:
            return _bind(family, address)
        except OSError as error:
            # The port that was free for TCP may be taken for UDP.
            if error.errno != errno.EADDRINUSE or not left:
                raise ListenError(_explain(error, host, port)) from None
    raise AssertionError("unreachable")


def listen_tcp(host: str, port: int) -> socket.socket:
    """As listen, for TCP alone. Raises ListenError."""
    family, address = _resolve(host, port)
    try:
        return _bind_tcp(family, address)
    except OSError as error:
        raise ListenError(_explain(error, host, port)) from None


def reached_at(host: str) -> str:
    """Where devices reach what listens on host: for all addresses, the one of the way out."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of UDP: nothing is sent
        except OSError:
            return socket.gethostname()
        return probe.getsockname()[0]


def sender(address: tuple) -> str:
    """The peer of a socket as text; one of IPv4 as such, also on a socket for both families."""
    return endpoint(address[0].removeprefix("::ffff:"), address[1])


def _resolve(host: str, port: int) -> tuple[int, tuple]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"{host} is no address to listen on: {error.strerror}") from None
    return found[0][0], found[0][4]


def _bind(family: int, address: tuple) -> tuple[socket.socket, socket.socket]:
    tcp = _bind_tcp(family, address)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        udp.bind((address[0], tcp.getsockname()[1], *address[2:]))
    except OSError:
        tcp.close()
        udp.close()
        raise
    _raise_buffer(udp)
    udp.setblocking(False)
    return udp, tcp


def _bind_tcp(family: int, address: tuple) -> socket.socket:
    tcp = socket.socket(family, socket.SOCK_STREAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(address)
        # Until it listens, SO_REUSEADDR lets another one bind the same port.
        tcp.listen(_BACKLOG)
    except OSError:
        tcp.close()
        raise
    tcp.setblocking(False)
    return tcp


def _raise_buffer(udp: socket.socket) -> None:
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    if sys.platform == "linux" and os.geteuid() == 0:
        try:
            udp.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:  # root without CAP_NET_ADMIN, in a container
            pass


def _explain(error: OSError, host: str, port: int) -> str:
    where = endpoint(host, port)
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program; stop it, or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where} can not be listened on: this machine does not have that address"
    if error.errno == errno.EACCES:
        return f"{where} needs privileges; choose a port from 1024 to 65535"
    return f"{where} can not be listened on: {error.strerror}"


def kernel_drops(udp: socket.socket) -> int | None:
    """Datagrams that the kernel dropped for want of buffer; None where it does not tell."""
    inode = str(os.fstat(udp.fileno()).st_ino)
    table = "udp6" if udp.family == socket.AF_INET6 else "udp"
    try:
        lines = Path(f"/proc/net/{table}").read_text().splitlines()
    except OSError:
        return None
    for line in lines[1:]:
        columns = line.split()
        if columns[9] == inode:
            return int(columns[-1])
    return None
