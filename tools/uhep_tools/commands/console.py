"""uhep console: what a device says."""

from typing import Annotated

import typer

from uhep_tools.commands.options import Port


def command(
    port: Port = None,
    seconds: Annotated[float | None, typer.Option(help="End after so long; else Ctrl-C.")] = None,
) -> None:
    """Show the log of a device, without stopping it. For its prompt: mpremote connect PORT."""
    from uhep_tools.board.cable import CableError, find_port, log
    from uhep_tools.text import printable

    try:
        for line in log(port or find_port(), seconds):
            typer.echo(printable(line))
    except CableError as error:
        typer.echo(f"uhep console: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        pass
