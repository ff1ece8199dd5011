"""The TCP and TLS connections of a capture server: bounded in number, time and memory."""

import asyncio
import socket
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from uhep_tools.faults import HepError
from uhep_tools.sockets import sender
from uhep_tools.stream import FramingError, StreamReader
from uhep_tools.tls import handshake_fault, record_fault

_READ = 65536  # octets: as much as a stream reader holds
_BURST = 64  # frames that are taken before the others get their turn
_OUT_OF_SOCKETS_S = 0.5
_GOODBYE_S = 1.0  # for the end of a TLS session


@dataclass
class Counters:
    """What a server has seen since its start.

    received = accepted + the sum of rejected. rejected: by reason, the names of faults.py and
    "auth-key" (the key is not the server's), "slow-frame" (not complete in time), "cut-frame"
    (the connection ended inside it). connections: those taken, of which `open` are open.
    refused: those closed because there were too many. idle: those closed for their silence.
    tls_failed: TLS connections that failed, by reason, the names of tls.py.
    """

    received: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    open: int = 0
    refused: int = 0
    idle: int = 0
    tls_failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Limits:
    """connections: how many at once. The others in seconds, see Server."""

    connections: int
    frame: float
    idle: float
    handshake: float


class Judge(Protocol):
    """Where frames go to."""

    def take(self, raw: bytes, peer: str) -> bool:
        """A whole frame; True if it was a good packet."""

    def reject(self, fault: HepError, size: int, peer: str) -> None:
        """size octets from peer that are no frame."""

    def tls_failed(self, fault: HepError, peer: str) -> None:
        """A connection without TLS."""


class Connections:
    """Accepts on any number of sockets and cuts frames until a limit or the end is reached.

    When all places are taken, a newcomer gets that of the oldest connection that has not
    brought one good packet yet; if all have, the newcomer is closed.
    """

    def __init__(self, counters: Counters, judge: Judge, limits: Limits):
        self._counters = counters
        self._judge = judge
        self._limits = limits
        self._tasks: set[asyncio.Task] = set()
        self._unproven: dict[asyncio.Task, None] = {}  # oldest first

    async def accept(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Take connections until cancelled. listener: non-blocking."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except ConnectionAbortedError:
                continue
            except OSError:  # no file descriptors or no memory left
                await asyncio.sleep(_OUT_OF_SOCKETS_S)
                continue
            if len(self._tasks) >= self._limits.connections:
                self._counters.refused += 1
                if not self._unproven:
                    sock.close()
                    continue
                await self._close(next(iter(self._unproven)))
            task = loop.create_task(self._serve(sock, sender(address), tls))
            task.add_done_callback(lambda task, sock=sock: self._ended(task, sock))
            self._tasks.add(task)
            self._unproven[task] = None
            self._counters.connections += 1
            self._counters.open += 1
            await asyncio.sleep(0)  # a queue of newcomers must not keep the others waiting

    async def close(self) -> None:
        """Close all."""
        await self._close(*self._tasks)

    async def _close(self, *tasks: asyncio.Task) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, sock: socket.socket, peer: str, tls: ssl.SSLContext | None) -> None:
        """The whole life of a connection."""
        try:
            reader, writer = await self._open(sock, tls)
        except OSError as error:
            if tls:  # without, the client is gone already
                self._judge.tls_failed(handshake_fault(error, self._limits.handshake), peer)
            return
        try:
            await self._read_frames(reader, peer)
            writer.close()
            await writer.wait_closed()
        except OSError:
            pass  # it is closed all the same
        finally:
            writer.transport.abort()

    async def _open(
        self, sock: socket.socket, tls: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The streams of an accepted socket, after the handshake."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_READ)
        protocol = asyncio.StreamReaderProtocol(reader)
        times = {}
        if tls:
            times["ssl_handshake_timeout"] = self._limits.handshake
            times["ssl_shutdown_timeout"] = _GOODBYE_S
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=tls, **times)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def _ended(self, task: asyncio.Task, sock: socket.socket) -> None:
        sock.close()  # a task that is cancelled before it begins has not done it
        self._tasks.remove(task)
        self._unproven.pop(task, None)
        self._counters.open -= 1

    async def _read_frames(self, reader: asyncio.StreamReader, peer: str) -> None:
        loop = asyncio.get_running_loop()
        frames = StreamReader(clock=loop.time)
        while True:
            if frames.since is None:
                deadline = loop.time() + self._limits.idle
            else:
                deadline = frames.since + self._limits.frame
            try:
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(_READ)
            except TimeoutError:
                if frames.pending:
                    self._give_up(frames, peer, "slow-frame", f"{self._limits.frame:g} s")
                else:
                    self._counters.idle += 1
                return
            except OSError as error:  # reset by the peer: what came before it is kept
                if isinstance(error, ssl.SSLError):
                    self._judge.tls_failed(record_fault(error), peer)
                data = b""
            if not data:
                if frames.pending:
                    self._give_up(frames, peer, "cut-frame", "the end of the connection")
                return
            try:
                complete = frames.feed(data)
            except FramingError as error:
                await self._take(error.frames, peer)
                self._judge.reject(error, len(data), peer)
                return
            await self._take(complete, peer)

    async def _take(self, frames: list[bytes], peer: str) -> None:
        for number, frame in enumerate(frames, 1):
            if self._judge.take(frame, peer):
                self._unproven.pop(asyncio.current_task(), None)
            if number % _BURST == 0:  # one read may hold 10,000 of the smallest frames
                await asyncio.sleep(0)

    def _give_up(self, frames: StreamReader, peer: str, name: str, when: str) -> None:
        text = f"the frame is not complete after {when}; {frames.pending} octets of it came"
        self._judge.reject(HepError(name, 0, text), frames.pending, peer)
