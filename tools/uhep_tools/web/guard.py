"""Who may see the page, and what a browser may do with it."""

import hmac
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

COOKIE = "uhep_token"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_local(host: str) -> bool:
    """Whether an address to listen on is this machine's alone."""
    return host in ("localhost", "::1") or host.startswith("127.")


class Guard:
    """ASGI middleware: the token, the name in Host, the headers of every answer.

    Without a token the page answers to names of this machine only: else any web page that is
    open in the same browser could have its own name resolve to 127.0.0.1 and read the calls.
    """

    def __init__(self, app, host: str, token: str | None):
        self._app = app
        self._host = host
        self._token = token.encode() if token else None

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        answer = self._refusal(scope)
        handler: Callable[..., Awaitable] = answer or self._app
        await handler(scope, receive, send_with_headers)

    def _refusal(self, scope: dict) -> Response | None:
        """What to answer instead of the page, if anything."""
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("The page is only read: GET.\n", 405)
        if self._token is None:
            name = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            if name.strip("[]") in (*_LOCAL, self._host):
                return None
            return PlainTextResponse("This page answers to 127.0.0.1 and localhost only.\n", 421)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None:
            return self._enter(scope, query, given)
        if scope["path"].startswith("/static/") or self._known(headers):
            return None
        return HTMLResponse(_ASK, 401)

    def _enter(self, scope: dict, query: list[tuple[str, str]], given: str) -> Response:
        if not self._right(given):
            return HTMLResponse(_ASK.replace("<!--wrong-->", _WRONG), 401)
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        path = "/" + scope["path"].lstrip("/")  # two slashes would name another host
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(COOKIE, given, max_age=30 * 86400, httponly=True, samesite="strict")
        return answer

    def _known(self, headers: Headers) -> bool:
        scheme, _, word = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._right(word.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self._right(cookie.value)

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token)


_ASK = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>uhep</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/app.css"><link rel="icon" href="/static/icon.svg"></head>
<body class="ask"><main><h1>uhep</h1>
<p>This page shows calls. Whoever started it knows the token.</p><!--wrong-->
<form action="/" method="get"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button></form></main></body></html>
"""
_WRONG = '<p class="fault" role="alert">That is not the token.</p>'
