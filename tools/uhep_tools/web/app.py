"""The page as an ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from uhep_tools.database import StoreError
from uhep_tools.web import exports, pages
from uhep_tools.web.events import events
from uhep_tools.web.guard import Guard
from uhep_tools.web.view import Serving, failure

_STATIC = Path(__file__).parent / "static"


def make_app(path: Path, status: Serving, host: str, token: str | None = None) -> Starlette:
    """The page of the database at path.

    status: what the server that writes it says of itself. host: the address it listens on, by
    which it may be asked for beside 127.0.0.1, ::1 and localhost. token: what a visitor must
    know.
    """
    routes = [
        Route("/", pages.calls),
        Route("/call", pages.call),
        Route("/message", pages.message),
        Route("/agents", pages.agents),
        Route("/agent", pages.agent),
        Route("/logs", pages.logs),
        Route("/rejects", pages.rejects),
        Route("/call.pcap", exports.pcap),
        Route("/call.txt", exports.text),
        Route("/call.json", exports.json),
        Route("/message.bin", exports.raw),
        Route("/events", events),
        Route("/healthz", lambda request: PlainTextResponse("ok\n")),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    handlers = {HTTPException: failure, StoreError: failure, Exception: failure}
    guard = Middleware(Guard, host=host, token=token)
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)
    app.state.path = path
    app.state.status = status
    return app
