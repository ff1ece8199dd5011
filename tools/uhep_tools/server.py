"""A capture server: HEP v3 over UDP, TCP and TLS, decoded strictly, into a Store."""

import asyncio
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from uhep_tools.connections import Connections, Counters, Limits
from uhep_tools.hep import HepError, decode
from uhep_tools.sockets import ListenError, kernel_drops, listen, listen_tcp, sender
from uhep_tools.store import Store

__all__ = ["DEFAULT_PORT", "DEFAULT_TLS_PORT", "Counters", "ListenError", "Server", "in_thread"]

DEFAULT_PORT = 9060
DEFAULT_TLS_PORT = 9061
FLUSH_S = 0.1
_READ = 65536  # octets: more than any datagram
_BURST = 64  # datagrams that are taken before connections get their turn


class Server:
    """Listens on one port for UDP and TCP, on another for TLS, and keeps every good packet.

    A connection holds at most 64 KiB of an unfinished frame and 128 KiB unread; TLS adds
    256 KiB. It is closed at a framing fault, when a frame is not complete frame_timeout seconds
    after its first octet, after idle_timeout seconds of silence, or when the TLS handshake is
    not complete after handshake_timeout seconds. There are at most max_connections of both
    kinds together; see Connections for who has to go. key: the octets that every packet's
    authentication key must equal. tls: as tls.server_context makes it; None: no TLS.

        async with Server(store, port=0) as server:
            print(server.port)
    """

    def __init__(
        self,
        store: Store,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        tls: ssl.SSLContext | None = None,
        tls_port: int = DEFAULT_TLS_PORT,
        key: bytes | None = None,
        max_connections: int = 256,
        frame_timeout: float = 10.0,
        idle_timeout: float = 3600.0,
        handshake_timeout: float = 10.0,
    ):
        self.store = store
        self.host = host
        self.port = port  # the real one once it is started
        self.tls_port = tls_port if tls else None  # the same
        self.counters = Counters()
        self._key = key
        self._tls = tls
        limits = Limits(max_connections, frame_timeout, idle_timeout, handshake_timeout)
        self._connections = Connections(self.counters, self, limits)
        self._udp: socket.socket | None = None
        self._listeners: dict[socket.socket, ssl.SSLContext | None] = {}
        self._tasks: list[asyncio.Task] = []
        self._drops: int | None = None

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises ListenError."""
        self._udp, tcp = listen(self.host, self.port)
        self._listeners = {tcp: None}
        self.port = self._udp.getsockname()[1]
        if self._tls:
            try:
                secure = listen_tcp(self.host, self.tls_port)
            except ListenError:
                self._close_sockets()
                raise
            self._listeners[secure] = self._tls
            self.tls_port = secure.getsockname()[1]
        loop = asyncio.get_running_loop()
        accept = self._connections.accept
        work = [self._flush_often(), *(accept(*pair) for pair in self._listeners.items())]
        self._tasks = [loop.create_task(coroutine) for coroutine in work]
        loop.add_reader(self._udp, self._read_datagrams, _BURST)

    async def stop(self) -> None:
        """Take the datagrams that are already here, close everything, write the store."""
        asyncio.get_running_loop().remove_reader(self._udp)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connections.close()
        self._read_datagrams(most=100_000)
        self._drops = kernel_drops(self._udp)
        self._close_sockets()
        self.store.flush()

    def _close_sockets(self) -> None:
        for sock in (self._udp, *self._listeners):
            sock.close()

    @property
    def kernel_drops(self) -> int | None:
        """Datagrams lost for want of receive buffer; None where the system does not tell."""
        if self._udp is None or self._udp.fileno() < 0:
            return self._drops
        return kernel_drops(self._udp)

    async def _flush_often(self) -> None:
        """In a thread: what comes meanwhile is read on."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(FLUSH_S)
            await loop.run_in_executor(None, self.store.flush)

    def _read_datagrams(self, most: int) -> None:
        for _ in range(most):
            try:
                data, address = self._udp.recvfrom(_READ)
            except BlockingIOError:
                return
            self.take(data, sender(address))

    def take(self, raw: bytes, peer: str) -> bool:
        """Judge a whole datagram or frame; True if it is kept."""
        try:
            packet = decode(raw, remark=False)
            if self._key is not None and not hmac.compare_digest(packet.key or b"", self._key):
                found = "wrong" if packet.key else "absent"
                raise HepError("auth-key", 0, f"the authentication key (0x000e) is {found}")
        except HepError as error:
            self.reject(error, len(raw), peer)
            return False
        self.counters.received += 1
        self.counters.accepted += 1
        self.store.add(packet, raw, peer)
        return True

    def reject(self, fault: HepError, size: int, peer: str) -> None:
        """Count and keep why size octets from peer are no good packet."""
        self.counters.received += 1
        self.counters.rejected[fault.name] += 1
        self.store.reject(fault, size, peer)

    def tls_failed(self, fault: HepError, peer: str) -> None:
        """Count and keep why a TLS connection failed."""
        self.counters.tls_failed[fault.name] += 1
        self.store.reject(fault, 0, peer)


@contextmanager
def in_thread(server: Server) -> Iterator[Server]:
    """Run a server in a thread of its own, for callers that are not asynchronous.

    Raises ListenError on entering.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="uhep-server", daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    try:
        run(server.start())
        try:
            yield server
        finally:
            run(server.stop())
            run(loop.shutdown_default_executor())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
