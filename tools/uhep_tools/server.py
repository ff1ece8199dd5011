"""A capture server: HEP v3 over UDP and TCP, decoded strictly, into a Store."""

import asyncio
import hmac
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from uhep_tools.hep import HepError, decode
from uhep_tools.sockets import ListenError, kernel_drops, listen
from uhep_tools.store import Store
from uhep_tools.stream import FramingError, StreamReader
from uhep_tools.text import endpoint

__all__ = ["DEFAULT_PORT", "Counters", "ListenError", "Server", "in_thread"]

DEFAULT_PORT = 9060
FLUSH_S = 0.1
_READ = 65536  # octets: more than any datagram, and as much as a stream reader holds
_BURST = 64  # datagrams that are taken before connections get their turn


@dataclass
class Counters:
    """What a server has seen since its start.

    received = accepted + the sum of rejected. rejected: by reason, the names of faults.py and
    "auth-key" (the key is not the server's), "slow-frame" (not complete in time), "cut-frame"
    (the connection ended inside it). connections: accepted ones, of which `open` are open.
    refused: connections beyond the limit. idle: those closed for their silence.
    """

    received: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    open: int = 0
    refused: int = 0
    idle: int = 0


class Server:
    """Listens on one port for UDP and TCP, and keeps every good packet in the store.

    A connection holds at most 64 KiB of an unfinished frame and 128 KiB unread. It is closed
    at a framing fault, when a frame is not complete frame_timeout seconds after its first
    octet, or after idle_timeout seconds of silence. Connections beyond max_connections are
    closed at once. key: the octets that every packet's authentication key must equal.

        async with Server(store, port=0) as server:
            print(server.port)
    """

    def __init__(
        self,
        store: Store,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        key: bytes | None = None,
        max_connections: int = 256,
        frame_timeout: float = 10.0,
        idle_timeout: float = 3600.0,
    ):
        self.store = store
        self.host = host
        self.port = port  # the real one once it is started
        self.counters = Counters()
        self._key = key
        self._max_connections = max_connections
        self._frame_timeout = frame_timeout
        self._idle_timeout = idle_timeout
        self._udp: socket.socket | None = None
        self._tcp: asyncio.Server | None = None
        self._flusher: asyncio.Task | None = None
        self._connections: dict[asyncio.Task, asyncio.StreamWriter] = {}
        self._drops: int | None = None

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises ListenError."""
        self._udp, tcp = listen(self.host, self.port)
        self.port = self._udp.getsockname()[1]
        loop = asyncio.get_running_loop()
        loop.add_reader(self._udp, self._read_datagrams, _BURST)
        self._tcp = await asyncio.start_server(self._connected, sock=tcp, limit=_READ)
        self._flusher = loop.create_task(self._flush_often())

    async def stop(self) -> None:
        """Take the datagrams that are already here, close everything, write the store."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._udp)
        self._tcp.close()
        await asyncio.sleep(0)  # a connection that was accepted just now enters the table
        for writer in self._connections.values():
            writer.transport.abort()
        self._flusher.cancel()
        await asyncio.gather(self._flusher, *self._connections, return_exceptions=True)
        self._read_datagrams(most=100_000)
        self._drops = kernel_drops(self._udp)
        self._udp.close()
        self.store.flush()

    @property
    def kernel_drops(self) -> int | None:
        """Datagrams lost for want of receive buffer; None where the system does not tell."""
        if self._udp is None or self._udp.fileno() < 0:
            return self._drops
        return kernel_drops(self._udp)

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self.store.flush()

    def _read_datagrams(self, most: int) -> None:
        for _ in range(most):
            try:
                data, address = self._udp.recvfrom(_READ)
            except BlockingIOError:
                return
            self._take(data, endpoint(*address[:2]))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counters = self.counters
        if counters.open >= self._max_connections:
            counters.refused += 1
            writer.close()
            return
        counters.connections += 1
        counters.open += 1
        task = asyncio.current_task()
        self._connections[task] = writer
        try:
            await self._read_frames(reader, endpoint(*writer.get_extra_info("peername")[:2]))
        except OSError:
            pass  # reset by the peer: what came before it is kept
        finally:
            counters.open -= 1
            del self._connections[task]
            writer.close()

    async def _read_frames(self, reader: asyncio.StreamReader, peer: str) -> None:
        loop = asyncio.get_running_loop()
        frames = StreamReader(clock=loop.time)
        while True:
            if frames.since is None:
                deadline = loop.time() + self._idle_timeout
            else:
                deadline = frames.since + self._frame_timeout
            try:
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(_READ)
            except TimeoutError:
                if frames.pending:
                    self._give_up(frames, peer, "slow-frame", f"{self._frame_timeout:g} s")
                else:
                    self.counters.idle += 1
                return
            if not data:
                if frames.pending:
                    self._give_up(frames, peer, "cut-frame", "the end of the connection")
                return
            try:
                complete = frames.feed(data)
            except FramingError as error:
                for frame in error.frames:
                    self._take(frame, peer)
                self._reject(error, len(data), peer)
                return
            for frame in complete:
                self._take(frame, peer)

    def _give_up(self, frames: StreamReader, peer: str, name: str, when: str) -> None:
        text = f"the frame is not complete after {when}; {frames.pending} octets of it came"
        self._reject(HepError(name, 0, text), frames.pending, peer)

    def _take(self, raw: bytes, peer: str) -> None:
        """Judge a whole datagram or frame."""
        try:
            packet = decode(raw)
            if self._key is not None and not hmac.compare_digest(packet.key or b"", self._key):
                found = "wrong" if packet.key else "absent"
                raise HepError("auth-key", 0, f"the authentication key (0x000e) is {found}")
        except HepError as error:
            self._reject(error, len(raw), peer)
            return
        self.counters.received += 1
        self.counters.accepted += 1
        self.store.add(packet, raw, peer)

    def _reject(self, fault: HepError, size: int, peer: str) -> None:
        self.counters.received += 1
        self.counters.rejected[fault.name] += 1
        self.store.reject(fault, size, peer)


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
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
