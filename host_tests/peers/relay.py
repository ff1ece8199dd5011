"""A relay between the agent and a collector: keeps a copy of each packet, may change to TCP."""

import socket
import threading
import time
from contextlib import contextmanager


class Relay:
    """Takes datagrams on 127.0.0.1:port, keeps them in `packets`, hands each to `sink`."""

    def __init__(self, sink):
        self.packets = []
        self._sink = sink
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._sock.bind(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self._sock.settimeout(0.2)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        """Ends when it is told to and nothing more is waiting."""
        while True:
            try:
                packet = self._sock.recv(65535)
            except TimeoutError:
                if self._closing.is_set():
                    return
                continue
            self.put(packet)

    def put(self, packet):
        self.packets.append(packet)
        self._sink(packet)

    def close(self):
        self._closing.set()
        self._thread.join()
        self._sock.close()


@contextmanager
def relay(sink):
    it = Relay(sink)
    try:
        yield it
    finally:
        it.close()


@contextmanager
def to_udp(port):
    """A relay to a collector on UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", port))
        with relay(out.send) as it:
            yield it


@contextmanager
def to_tcp(port, cuts=()):
    """A relay to a collector on TCP port. Each packet is written in pieces, cut at `cuts`."""
    with socket.create_connection(("127.0.0.1", port)) as out:
        out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def write(packet):
            begin = 0
            for end in [*(cut for cut in cuts if cut < len(packet)), len(packet)]:
                out.sendall(packet[begin:end])
                begin = end
                # So that the other end reads what was written so far, and no more.
                time.sleep(0.01 if cuts else 0)

        with relay(write) as it:
            yield it
