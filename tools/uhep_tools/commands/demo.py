"""uhep demo: a call between two emulated devices, captured from both ends."""

import time
from pathlib import Path
from typing import Annotated

import typer

_COLOURS = {"alice": "cyan", "bob": "magenta"}


def command(
    state: Annotated[
        Path, typer.Option(help="Folder for the devices' files and the database.")
    ] = Path("state/demo"),
    heap: Annotated[str, typer.Option(help="Heap of each device, as 96K.")] = "96K",
) -> None:
    """Two emulated devices call each other; a capture server keeps what their agents send.

    Draws the call, says what each device counted, and where the database is. Exit status: 0 if
    every message that a device sent or received was stored, else 1.
    """
    import signal

    from rich.console import Console
    from rich.text import Text

    from uhep_tools import demo, ladder
    from uhep_tools.commands.output import unwritable
    from uhep_tools.server import ListenError
    from uhep_tools.sim import SimError
    from uhep_tools.store import Store, StoreError
    from uhep_tools.text import printable

    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = ladder.WIDTH

    def echo(name: str, line: str) -> None:
        if not line.startswith("{"):
            console.print(Text.assemble((f"{name:5} | ", _COLOURS[name]), printable(line)))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    database = state / "uhep.db"
    try:
        state.mkdir(parents=True, exist_ok=True)
        for old in state.glob("uhep.db*"):
            old.unlink()
        with Store(database) as store:
            outcome = demo.run(store, state, echo, heap)
            console.print()
            if outcome.call:
                width = min(console.width, ladder.WIDTH)
                console.print(ladder.draw(outcome.call, outcome.messages, width))
    except (SimError, ListenError, StoreError) as error:
        typer.echo(f"uhep demo: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"uhep demo: {unwritable(error)}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(1) from None
    console.print()
    for side in outcome.sides:
        console.print(side.summary())
    took = time.monotonic() - began
    console.print(f"database: {database}   (uhep show --db {database})")
    for problem in outcome.problems:
        console.print(Text(f"failed: {problem}", "bold red"))
    if outcome.problems:
        raise typer.Exit(1)
    console.print(Text(f"every message was stored; it took {took:.1f} s", "bold green"))
