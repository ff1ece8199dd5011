"""`uhep bench`: what a capture costs and what the agent weighs."""

from pathlib import Path
from typing import Annotated

import typer

_PIPE_WIDTH = 100  # columns where there is no terminal


def command(
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of 50 packets a figure.")] = 400,
    cost: Annotated[bool, typer.Option("--cost", help="Only time and memory a packet.")] = False,
    size: Annotated[bool, typer.Option("--size", help="Only octets of files and heap.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures as JSON; - : only that."),
    ] = None,
) -> None:
    """Measure the agent, now and here.

    Cost: a capture of an INVITE beside a bare write of the same packet and beside the encoder
    that one would write first, in MicroPython's unix port, with the hot path as machine code
    and as bytecode. Compare within one run only: x write is the figure that travels.

    Size: the .mpy files that an agent imports, and the heap that it keeps on a 32-bit build
    (`make peers` installs that).
    """
    import json

    from rich.console import Console

    from uhep_tools.bench import report
    from uhep_tools.bench.cost import measure as measure_cost
    from uhep_tools.bench.machine import BenchError
    from uhep_tools.bench.size import measure as measure_size

    quiet = str(json_file) == "-"
    console = Console(highlight=False, quiet=quiet)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH

    def show(tables):
        for table in tables:
            console.print(table)
            console.print()

    both = cost == size
    figures = {}
    try:
        if cost or both:
            figures["cost"] = measure_cost(rounds)
            show(report.cost_tables(figures["cost"]))
        if size or both:
            figures["size"] = measure_size()
            show(report.size_tables(figures["size"]))
            if figures["size"]["left_out"]:
                typer.echo(f"No figures of the heap: {figures['size']['left_out']}", err=True)
        text = json.dumps(figures, indent=2) + "\n"
        if quiet:
            typer.echo(text, nl=False)
        elif json_file:
            json_file.write_text(text)
    except BenchError as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename}: {error.strerror}")


def _stop(sentence: str) -> None:
    typer.echo(f"uhep bench: {sentence}", err=True)
    raise typer.Exit(1)
