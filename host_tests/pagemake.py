"""A capture server with its page, for the tests of both."""

import asyncio
import contextlib
import threading
import urllib.error
import urllib.request

from uhep_tools.live import status_of
from uhep_tools.server import Server
from uhep_tools.web.serving import Page


@contextlib.contextmanager
def page_of(store, token=None, host="127.0.0.1", **options):
    """Run both in a thread; yields (server, page)."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    server = Server(store, port=0, **options)
    page = Page(store.path, status_of(server), host, 0, token)
    try:
        run(server.start())
        try:
            run(page.start())
            yield server, page
        finally:
            run(page.stop())
            run(server.stop())
            run(loop.shutdown_default_executor())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def get(page, path="/", headers=None, method="GET"):
    """(status, headers, body as text) of an answer; redirections are not followed."""
    request = urllib.request.Request(
        page.url.rstrip("/") + path, headers=headers or {}, method=method
    )
    try:
        answer = urllib.request.build_opener(_NoRedirect).open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode("utf-8", "surrogateescape")
