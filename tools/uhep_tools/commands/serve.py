"""uhep serve: the capture server of one developer."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

UPDATE_S = 0.25
_MOST_DAYS = 36500


def command(
    listen: Annotated[
        str, typer.Option(help="Address and port, for UDP and TCP; [IPv6]:port is possible.")
    ] = "127.0.0.1:9060",
    db: Annotated[Path, typer.Option(help="SQLite file to write; made if absent.")] = Path(
        "uhep.db"
    ),
    key: Annotated[
        str | None,
        typer.Option(envvar="UHEP_KEY", help="Authentication key that every packet must carry."),
    ] = None,
    tls: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="Also speak TLS, on this port."),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PEM certificate for TLS; without, one is made and kept beside the database.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its private key, if not in the same file.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ask TLS clients for a certificate of this CA."),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Where the page is; by default on the address of --listen, port 9080.",
        ),
    ] = None,
    no_page: Annotated[bool, typer.Option("--no-page", help="Show no page.")] = False,
    token: Annotated[
        str | None,
        typer.Option(envvar="UHEP_TOKEN", help="Word that visitors of the page must know."),
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option(min=0, help="Delete packets that came earlier than so many days ago."),
    ] = None,
    keep_size: Annotated[
        str, typer.Option(help="Delete the oldest packets beyond this size; `all` keeps all.")
    ] = "4G",
) -> None:
    """Receive HEP v3 into a database, and show the calls while they happen.

    On a page, http://127.0.0.1:9080/, and in a terminal: a live table of calls, counters and
    rejects; where there is no terminal, one line a call event. Ctrl-C ends it.
    """
    import asyncio
    import os

    from uhep_tools.commands.progress import renewing
    from uhep_tools.live import status_of
    from uhep_tools.retention import LEAST
    from uhep_tools.server import DEFAULT_PORT, ListenError, Server
    from uhep_tools.store import Keep, Store, StoreError
    from uhep_tools.text import parse_endpoint, parse_size
    from uhep_tools.tls import TlsError
    from uhep_tools.web.serving import DEFAULT_PAGE_PORT, Page, PageError

    if key == "":
        _stop("the key is empty; leave --key out to accept packets with any key or none")
    if tls is None and (cert or key_file or tls_client_ca):
        _stop("a certificate without --tls PORT has no use; --tls 9061 would be right")
    if key_file and not cert:
        _stop("--key-file is there without --cert")
    if token == "":
        _stop("the token is empty; leave --token out, or give a word")
    if token and not token.isascii():
        _stop("the token has characters that a browser does not send; take those of ASCII")
    if no_page and (page or token):
        _stop("--no-page is there with --page or --token")
    try:
        host, port = parse_endpoint(listen, DEFAULT_PORT)
        page_port = DEFAULT_PAGE_PORT if port else 0
        page_at = parse_endpoint(page, page_port) if page else (host, page_port)
        octets = None if keep_size == "all" else parse_size(keep_size)
    except ValueError as error:
        _stop(str(error))
    if octets is not None and octets < LEAST:
        _stop(f"--keep-size {keep_size}: 16M is the least")
    if keep_days is not None and not keep_days <= _MOST_DAYS:
        _stop(f"--keep-days {keep_days:g}: {_MOST_DAYS} is the most; any age without")
    keep = Keep(None if keep_days is None else keep_days * 86400, octets)
    try:
        with renewing() as progress, Store(db, keep=keep, progress=progress) as store:
            options = {"key": os.fsencode(key) if key else None}
            notes = []
            if tls is not None:
                context, notes = _tls(db.parent / "uhep-tls", host, cert, key_file, tls_client_ca)
                options |= {"tls": context, "tls_port": tls}
            server = Server(store, host, port, **options)
            shown = None
            if not no_page:
                shown = Page(store.path, status_of(server), *page_at, token=token)
            asyncio.run(_serve(server, shown, notes))
        _sum_up(server)
    except (ListenError, PageError, StoreError, TlsError) as error:
        _stop(str(error))


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep serve: {sentence}", err=True)
    raise typer.Exit(1)


def _tls(folder: Path, host: str, cert: Path | None, key_file: Path | None, client_ca):
    """(TLS context, what a person must know of it). Raises TlsError."""
    from uhep_tools.tls import TlsError, fingerprint, server_context

    notes = []
    if cert is None:
        from uhep_tools.certs import own_identity

        try:
            ca, cert, key_file = own_identity(folder, host)
        except OSError as error:
            raise TlsError(f"{folder} can not be made: {error.strerror}") from None
        notes.append(f"TLS CA (tls_ca): {ca}")
    context = server_context(cert, key_file or cert, client_ca)
    return context, [*notes, f"TLS certificate (tls_pin): {fingerprint(cert)}"]


async def _serve(server, page, notes: list[str]) -> None:
    """Until SIGINT or SIGTERM."""
    import asyncio
    import contextlib
    import signal
    import sys

    from rich.console import Console

    from uhep_tools.live import Lines, Screen

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(highlight=False)
    # Before the first packet can come: what is new, it knows by what was there.
    view = (Screen if sys.stdout.isatty() else Lines)(server, console, notes)
    await server.start()
    if page:
        try:
            await page.start()
        except BaseException:
            await server.stop()
            raise
        notes.insert(0, f"page: {page.url}")
    with view:
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), UPDATE_S)
                view.update()
        finally:
            if page:
                await page.stop()
            await server.stop()


def _sum_up(server) -> None:
    """What came, and what became of it; after the database is closed."""
    from rich.console import Console

    from uhep_tools.live import counters, trouble

    console = Console(highlight=False)
    for line in (f"Stopped. {counters(server)}", *trouble(server)):
        console.out(line)
    path = server.store.path
    console.out(f"The calls: uhep show --db {path}; a ladder: uhep show CALL-ID --db {path}")
