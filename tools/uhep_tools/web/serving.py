"""Run the page beside the capture server, on the same loop."""

import asyncio
import contextlib
from pathlib import Path

import uvicorn

from uhep_tools.sockets import listen_tcp, reached_at
from uhep_tools.text import endpoint
from uhep_tools.web.app import make_app
from uhep_tools.web.guard import is_local
from uhep_tools.web.view import Serving

DEFAULT_PAGE_PORT = 9080
_SHUTDOWN_S = 1


class PageError(Exception):
    """The page can not be shown so; the text says why and what would be right."""


class _Uvicorn(uvicorn.Server):
    def capture_signals(self):
        return contextlib.nullcontext()  # whoever runs us ends us


class Page:
    """The page of the database at path, on host:port; port 0: any free one.

        async with Page(path, status, port=0) as page:
            print(page.url)

    On an address that others reach it needs a token: PageError. ListenError: taken, or none of
    ours.
    """

    def __init__(
        self,
        path: Path,
        status: Serving,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PAGE_PORT,
        token: str | None = None,
    ):
        if not is_local(host) and not token:
            raise PageError(
                f"the page on {endpoint(host, port)} would show the calls to everybody who reaches"
                " that address: --token WORD asks visitors for a word, --page 127.0.0.1 keeps the"
                " page on this machine, --no-page does without"
            )
        self.host, self.port = host, port
        self._status = status
        app = make_app(path, status, host, token)
        self._config = uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        self._server = _Uvicorn(self._config)
        self._task: asyncio.Task | None = None

    @property
    def url(self) -> str:
        return f"http://{endpoint(reached_at(self.host), self.port)}/"

    async def __aenter__(self) -> "Page":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises ListenError."""
        sock = listen_tcp(self.host, self.port)
        self.port = sock.getsockname()[1]
        self._task = asyncio.get_running_loop().create_task(self._server.serve([sock]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Close it, also the live updates that are open."""
        self._status.closing = True
        self._server.should_exit = True
        if self._task:
            await self._task
