"""uhep show: the calls of a database, or one of them as a ladder."""

from pathlib import Path
from typing import Annotated

import typer

_PIPE_WIDTH = 200  # columns where there is no terminal: whole Call-IDs


def command(
    call: Annotated[
        str | None, typer.Argument(help="Call-ID, or its beginning; without it: list the calls.")
    ] = None,
    db: Annotated[Path, typer.Option(help="SQLite file of `uhep serve`.")] = Path("uhep.db"),
    limit: Annotated[int, typer.Option(min=1, help="Calls to list, the latest.")] = 50,
) -> None:
    """List the calls and what each device last said of itself, or draw a call as a ladder."""
    import time

    from rich.console import Console

    from uhep_tools import ladder, quality
    from uhep_tools.database import StoreError
    from uhep_tools.queries import Reader
    from uhep_tools.views import calls_table, quality_table, status_line

    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    try:
        with Reader(db) as store:
            if call is None:
                calls, now_us = store.calls(limit), time.time_ns() // 1000
                console.print(calls_table(calls, now_us, console.width))
                for message, status in store.statuses():
                    console.print(status_line(message, status, now_us))
                return
            found = store.call(_choose(store, call))
            width = min(console.width, ladder.WIDTH)
            messages = store.messages(found.call)
            console.print(ladder.draw(found, messages, width))
            if heard := quality.points(messages, found.call):
                console.print()
                console.print(quality_table(quality.summary(heard), heard, found.start_us))
    except (StoreError, LookupError) as error:
        typer.echo(f"uhep show: {error.args[0]}", err=True)
        raise typer.Exit(1) from None


def _choose(store, beginning: str) -> str:
    """The one Call-ID that begins so. Raises LookupError with a sentence."""
    if store.call(beginning):
        return beginning
    found = store.find(beginning, limit=5)
    if not found:
        raise LookupError(f"no call in {store.path} begins with {beginning!r}; list them without")
    if len(found) > 1:
        listed = "".join(f"\n  {call}" for call in found)
        raise LookupError(f"several calls begin with {beginning!r}, the latest are:{listed}")
    return found[0]
