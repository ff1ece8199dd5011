"""uhep watch: the calls in a terminal."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    db: Annotated[Path, typer.Option(help="SQLite file that `uhep serve` writes.")] = Path(
        "uhep.db"
    ),
) -> None:
    """Watch the calls that a server captures, in a terminal: for those on ssh.

    The list is live; / searches all messages, Enter opens a call as a ladder, j and k go
    through its messages, Esc goes back, q ends it.
    """
    from uhep_tools.store import StoreError
    from uhep_tools.watch import Watch

    try:
        Watch(db).run()
    except StoreError as error:
        typer.echo(f"uhep watch: {error}", err=True)
        raise typer.Exit(1) from None
