"""uhep serve: the capture server of one developer."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

UPDATE_S = 0.25


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
) -> None:
    """Receive HEP v3 into a database, and show the calls while they happen.

    In a terminal: a live table of calls, counters and rejects. Otherwise: one line a call
    event. Ctrl-C ends it.
    """
    import asyncio
    import os

    from uhep_tools.server import DEFAULT_PORT, ListenError, Server
    from uhep_tools.store import Store, StoreError
    from uhep_tools.text import parse_endpoint

    if key == "":
        _stop("the key is empty; leave --key out to accept packets with any key or none")
    try:
        host, port = parse_endpoint(listen, DEFAULT_PORT)
    except ValueError as error:
        _stop(str(error))
    try:
        with Store(db) as store:
            server = Server(store, host, port, key=os.fsencode(key) if key else None)
            asyncio.run(_serve(server))
    except (ListenError, StoreError) as error:
        _stop(str(error))


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep serve: {sentence}", err=True)
    raise typer.Exit(1)


async def _serve(server) -> None:
    """Until SIGINT or SIGTERM; then say what came."""
    import asyncio
    import contextlib
    import signal
    import sys

    from rich.console import Console

    from uhep_tools.live import Lines, Screen, counters, trouble

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(highlight=False)
    await server.start()
    with (Screen if sys.stdout.isatty() else Lines)(server, console) as view:
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), UPDATE_S)
                view.update()
        finally:
            await server.stop()
    for line in (f"Stopped. {counters(server)}", *trouble(server)):
        console.out(line)
    path = server.store.path
    console.out(f"The calls: uhep show --db {path}; a ladder: uhep show CALL-ID --db {path}")
