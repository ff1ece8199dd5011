"""The packet socket of Linux: MicroPython's unix port takes numbers for what it does not name."""

import socket
import struct

from micropython import const

_AF_PACKET = const(17)
_SOCK_RAW = const(3)
_SOL_SOCKET = const(1)
_SO_RCVBUF = const(8)
_SOL_PACKET = const(263)
_IGNORE_OUTGOING = const(23)
_ADD_MEMBERSHIP = const(1)
_PROMISCUOUS = const(1)

# Of /sys/class/net/*/type. Loopback, too, has a header of Ethernet.
_LOOPBACK = const(772)
_ETHERNET = (1, _LOOPBACK)

# ETH_P_ALL in network order, on hosts of either order.
_ALL = struct.unpack("H", b"\0\3")[0]


def packets(interface, promiscuous=False):
    """(a socket that hears each frame of an interface once, whether its frames are Ethernet's).

    ValueError if there is no such interface, OSError if that is not allowed.
    """
    try:
        folder = "/sys/class/net/%s/" % interface
        with open(folder + "ifindex") as file:
            index = int(file.read())
        with open(folder + "type") as file:
            kind = int(file.read())
    except OSError:
        raise ValueError("interface is %r, but must be one that /sys/class/net has" % interface)
    sock = socket.socket(_AF_PACKET, _SOCK_RAW, _ALL)
    sock.setsockopt(_SOL_SOCKET, _SO_RCVBUF, 1 << 20)
    if kind == _LOOPBACK:  # there a frame would come twice, as it leaves and as it arrives
        sock.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    if promiscuous:
        member = struct.pack("iHH8s", index, _PROMISCUOUS, 0, bytes(8))
        sock.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)
    if hasattr(sock, "getsockname"):  # CPython
        sock.bind((interface, 3))
    else:
        sock.bind(struct.pack("HHiHBB8s", _AF_PACKET, _ALL, index, 0, 0, 0, bytes(8)))
    sock.setblocking(False)
    return sock, kind in _ETHERNET
