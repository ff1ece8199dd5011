"""Server-sent events: that something came, so that an open page fetches itself again."""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from uhep_tools.web.view import Serving

_LOOK_S = 0.3
_QUIET_LOOKS = 50  # after which a comment keeps the connection alive


async def events(request: Request) -> StreamingResponse:
    """One event `changed` a change, at most three a second."""
    headers = {"cache-control": "no-store"}
    changes = _changes(request.app.state.status)
    return StreamingResponse(changes, media_type="text/event-stream", headers=headers)


async def _changes(status: Serving) -> AsyncIterator[str]:
    known, quiet = None, 0
    while not status.closing:
        now = status.now()
        if now != known:
            known, quiet = now, 0
            yield f"event: changed\ndata: {json.dumps(now)}\n\n"
        elif (quiet := quiet + 1) % _QUIET_LOOKS == 0:
            yield ": still here\n\n"
        await asyncio.sleep(_LOOK_S)
