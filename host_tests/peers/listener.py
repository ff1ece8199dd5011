"""A collector of our own for what other senders emit: UDP and TCP on one port number."""

import socket
import threading
from contextlib import contextmanager

from uhep_tools.ports import free_port
from uhep_tools.stream import StreamReader
from waiting import until


class Listener:
    """Keeps every HEP packet that comes, whole and in order of arrival, in `packets`."""

    def __init__(self):
        self.packets = []
        self.port = free_port()
        self.error = None  # of a stream that was no HEP
        self._threads = []
        self._closing = threading.Event()

    def open(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind(("127.0.0.1", self.port))
        tcp = socket.create_server(("127.0.0.1", self.port))
        for sock, serve in (udp, self._datagrams), (tcp, self._connections):
            sock.settimeout(0.1)
            self._start(serve, sock)

    def close(self):
        self._closing.set()
        for thread in self._threads:
            thread.join()

    def wait(self, count, of=lambda packet: True):
        """The packets (octets) that `of` holds for, once there are count of them."""

        def enough():
            assert self.error is None, f"a peer's TCP stream is not HEP: {self.error}"
            found = [packet for packet in list(self.packets) if of(packet)]
            return found if len(found) >= count else None

        return until(enough, lambda: f"{count} HEP packets; there are {len(self.packets)}")

    def _start(self, serve, sock):
        thread = threading.Thread(target=self._guard, args=(serve, sock))
        self._threads.append(thread)
        thread.start()

    def _guard(self, serve, sock):
        with sock:
            while not self._closing.is_set():
                try:
                    if serve(sock) is False:
                        return
                except TimeoutError:
                    continue

    def _datagrams(self, sock):
        self.packets.append(sock.recv(65535))

    def _connections(self, sock):
        connection, _ = sock.accept()
        connection.settimeout(0.1)
        reader = StreamReader()
        self._start(lambda stream: self._stream(stream, reader), connection)

    def _stream(self, sock, reader):
        data = sock.recv(65535)
        if not data:
            return False
        try:
            self.packets.extend(reader.feed(data))
        except ValueError as error:
            self.error = error
            return False
        return True


@contextmanager
def listener():
    it = Listener()
    it.open()
    try:
        yield it
    finally:
        it.close()
