"""Where the packets go: a UDP socket in the same process."""

import random
import socket

HOST = "127.0.0.1"
_ROOM = 65536  # octets: more than a round of packets


def address(port):
    """The socket address of a port here, as `recvfrom` gives it."""
    return bytes(socket.getaddrinfo(HOST, port)[0][-1])


def sender(port=None):
    """A UDP socket; connected, if there is a port to connect to."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if port:
        sock.connect(address(port))
    return sock


class Receiver:
    """Its queue holds a round of packets; `drain` must follow each round."""

    def __init__(self):
        self._sock = sender()
        self._sock.setblocking(False)
        self._buf = bytearray(_ROOM)
        self.port = None
        while not self.port:  # the unix port can not tell a port that the system chose
            port = 20000 + random.getrandbits(15)
            try:
                self._sock.bind(address(port))
                self.port = port
            except OSError:
                pass

    def drain(self):
        """Empty the queue; returns how many octets were in it."""
        return self._sock.readinto(self._buf) or 0

    def packet(self):
        """The one packet in the queue, as bytearray."""
        return self._buf[: self.drain()]
