"""Trouble between an agent and a collector: proxies that break connections as told.

with Proxy(("127.0.0.1", server.port), Fault("reset", after=100)) as proxy:
    ...  # the first connection to proxy.port is reset after 100 octets, the others work
proxy.connections[0].up  # the octets that were passed on
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field

from uhep_tools.stream import StreamReader

_READ = 65536
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Fault:
    """What befalls one connection when `after` octets have been passed on.

    do: "reset" (a TCP RST), "close" (the orderly end), "stall" (reads no more, stays open) or
    "pass" (nothing). With TLS the handshake comes first, so that after=0 means: after it.
    back: count the octets that the server sends, not those of the client. to: which ends are
    reset, "client", "server" or "both"; the other sees an orderly end. delay_s: how much later
    everything is passed on, in both directions.
    """

    do: str = "pass"
    after: int = 0
    back: bool = False
    to: str = "both"
    delay_s: float = 0.0


@dataclass
class Connection:
    """What a proxy has seen of one connection. up: octets of the client, down: of the server.

    Only octets that were passed on are in it. over: the connection is gone.
    """

    fault: Fault
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    over: bool = False

    def frames(self) -> tuple[list[bytes], bytes]:
        """The whole HEP frames that the client sent, and what was cut of the one after them.

        Raises HepError where something else than a frame begins.
        """
        frames = StreamReader().feed(bytes(self.up))
        return frames, bytes(self.up[sum(map(len, frames)) :])


class _Due(Exception):
    """The octets of a fault have been passed on."""


class InThread:
    """Something that lives in an event loop in a thread of its own, from `with` to its end."""

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


class Proxy(InThread):
    """A TCP proxy on a free port of 127.0.0.1.

    The first connection gets the first of the faults, and so on; those after the last work.
    tls: an ssl.SSLContext with which it ends the client's TLS: then octets are counted in the
    clear, and the target hears plain TCP. Without it TLS is passed through as it is.
    receive_buffer: octets of the kernel's buffer, to fill it soon when a connection stalls.
    """

    def __init__(self, target: tuple[str, int], *faults: Fault, tls=None, receive_buffer=None):
        self.target = target
        self.connections: list[Connection] = []
        self._faults = list(faults)
        self._tls = tls
        self._buffer = receive_buffer
        self._tasks: set[asyncio.Task] = set()
        self._listener: asyncio.Server | None = None
        # Bound and never listening, it keeps the port ours while connections are refused.
        self._place = self._bind()
        self.port = self._place.getsockname()[1]

    def then(self, *faults: Fault) -> None:
        """What befalls the next connections."""
        self._faults[:] = faults

    def refuse(self) -> None:
        """Refuse new connections until accept()."""
        self._run(self._close())

    def accept(self) -> None:
        """Accept connections again."""
        self._run(self._open())

    def reset(self) -> None:
        """Reset all connections."""
        self._run(self._reset())

    def freeze(self) -> None:
        """Pass nothing on until thaw(); connections are still accepted."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def thaw(self) -> None:
        """Pass on again, first what has waited."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """As if the collector was killed, and started again at the end."""
        self.refuse()
        self.reset()
        yield
        self.accept()

    def _bind(self, port: int = 0) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        sock.bind((_HOST, port))
        return sock

    async def _start(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        await self._open()

    async def _stop(self) -> None:
        if self._listener:
            await self._close()
        await self._reset()
        self._place.close()

    async def _open(self) -> None:
        sock = self._bind(self.port)
        self._listener = await asyncio.start_server(self._serve, sock=sock, ssl=self._tls)

    async def _close(self) -> None:
        self._listener.close()
        self._listener = None

    async def _reset(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._faults.pop(0) if self._faults else Fault()
        connection = Connection(fault)
        self.connections.append(connection)
        self._tasks.add(asyncio.current_task())
        ends = {"client": _End(writer)}
        pumps: list[asyncio.Task] = []
        resets = {"client", "server"}
        try:
            if fault.do != "pass" and fault.after == 0:
                writer.transport.pause_reading()
            from_server, to_server = await asyncio.open_connection(*self.target)
            ends["server"] = _End(to_server)
            up = self._pump(reader, to_server, connection.up, fault, not fault.back)
            down = self._pump(from_server, writer, connection.down, fault, fault.back)
            pumps = [asyncio.create_task(up), asyncio.create_task(down)]
            await asyncio.gather(*pumps)
            resets = set()
        except _Due:
            if fault.do == "stall":
                for end in ends.values():
                    end.writer.transport.pause_reading()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            elif fault.do == "close":
                resets = set()
            elif fault.to != "both":
                resets = {fault.to}
        except (OSError, asyncio.CancelledError):
            pass  # whatever broke one side, or reset(): reset both
        finally:
            for pump in pumps:
                pump.cancel()
            for name, end in ends.items():
                end.finish(name in resets)
            connection.over = True
            self._tasks.remove(asyncio.current_task())

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passed: bytearray,
        fault: Fault,
        counts: bool,
    ) -> None:
        """Pass on until the end. Raises _Due when it counts and has passed on enough."""
        writer.transport.set_write_buffer_limits(0)  # drain: all of it is in the kernel
        counts = counts and fault.do != "pass"
        while not counts or len(passed) < fault.after:
            data = await reader.read(fault.after - len(passed) if counts else _READ)
            await asyncio.sleep(fault.delay_s)
            await self._flowing.wait()
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                else:
                    writer.close()  # TLS
                return
            passed += data
            writer.write(data)
            await writer.drain()
        raise _Due


class _End:
    """One side of a connection. A TLS transport that is closed does not tell its socket."""

    def __init__(self, writer: asyncio.StreamWriter):
        self.writer = writer
        self._sock = writer.get_extra_info("socket")

    def finish(self, reset: bool) -> None:
        if not reset:
            self.writer.close()
            return
        with contextlib.suppress(OSError):  # it is closed already
            linger = struct.pack("ii", 1, 0)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
