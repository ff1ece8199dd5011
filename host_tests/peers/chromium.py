"""Headless Chromium, driven by Playwright."""

import os
import shutil
from contextlib import contextmanager

_OPTIONS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


class Watched:
    """A browser's page, and all that went wrong or elsewhere.

    errors: of the console and of scripts. requests: the addresses that were asked for.
    """

    def __init__(self, page):
        self.page = page
        self.errors = []
        self.requests = []
        page.on(
            "console", lambda said: said.type in ("error", "warning") and self._note(said.text)
        )
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, text):
        self.errors.append(text)


@contextmanager
def browser():
    from playwright.sync_api import sync_playwright

    # Chromium does not sandbox what root runs.
    options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=options, timeout=120_000
        )
        try:
            yield made
        finally:
            made.close()


@contextmanager
def tab(browser, width=1400, height=860, **options):
    """A Watched page in a context of its own."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(30_000)
    try:
        yield Watched(context.new_page())
    finally:
        context.close()
