"""`uhep bench`: what a capture costs and what the agent weighs."""

from pathlib import Path
from typing import Annotated

import typer

_PIPE_WIDTH = 100  # columns where there is no terminal


def command(
    what: Annotated[
        str, typer.Argument(help="agent; firmware: a whole device; or server: `uhep serve`.")
    ] = "agent",
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of 50 packets a figure.")] = 400,
    cost: Annotated[bool, typer.Option("--cost", help="Only time and memory a packet.")] = False,
    size: Annotated[bool, typer.Option("--size", help="Only octets of files and heap.")] = False,
    seconds: Annotated[
        float, typer.Option(min=0.5, help="server: how long each rate is offered.")
    ] = 4.0,
    messages: Annotated[
        int, typer.Option(min=0, help="server: stored before its page is asked; 0: do not.")
    ] = 100_000,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures as JSON; - : only that."),
    ] = None,
) -> None:
    """Measure the agent, now and here.

    Cost: a capture of an INVITE beside a bare write of the same packet and beside the encoder
    that one would write first, in MicroPython's unix port, with the hot path as machine code
    and as bytecode. Compare within one run only: x write is the figure that travels. Then the
    same on an emulated board of 32 bits (`make peers` installs that), by its own clock.

    Size: the .mpy files that an agent imports, and the heap that it keeps on a 32-bit build
    and on that board.

    Firmware: what a device's release takes in flash, and of the heap by personality.

    Server: packets a second that `uhep serve` takes before it loses the first, over UDP and
    TCP, beside a UDP reader in Python that only counts; how fast and how large its pages are
    with so many messages stored.
    """
    import json

    from rich.console import Console

    from uhep_tools.bench import report
    from uhep_tools.bench.cost import measure as measure_cost
    from uhep_tools.bench.firmware import measure as measure_firmware
    from uhep_tools.bench.machine import BenchError
    from uhep_tools.bench.server import measure as measure_server
    from uhep_tools.bench.size import measure as measure_size
    from uhep_tools.commands.progress import progress_bar

    quiet = str(json_file) == "-"
    console = Console(highlight=False, quiet=quiet)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH

    def show(tables):
        for table in tables:
            console.print(table)
            console.print()

    if what not in ("agent", "firmware", "server"):
        _stop(f"{what!r} is nothing to measure; agent, firmware or server would be right")
    both = cost == size
    figures = {}
    try:
        if what == "server":
            with progress_bar(quiet) as progress:
                figures["server"] = measure_server(seconds, messages, progress)
            show(report.server_tables(figures["server"]))
        elif what == "firmware":
            figures["firmware"] = measure_firmware()
            show(report.firmware_tables(figures["firmware"]))
            if figures["firmware"]["left_out"]:
                typer.echo(f"No figures of the heap: {figures['firmware']['left_out']}", err=True)
        elif cost or both:
            with progress_bar(quiet) as progress:
                figures["cost"] = measure_cost(rounds, progress)
            show(report.cost_tables(figures["cost"]))
            if figures["cost"]["left_out"]:
                typer.echo(f"No figures of a board: {figures['cost']['left_out']}", err=True)
        if what == "agent" and (size or both):
            with progress_bar(quiet) as progress:
                progress("size", 0)
                figures["size"] = measure_size()
            show(report.size_tables(figures["size"]))
            if figures["size"]["left_out"]:
                typer.echo(
                    f"Some figures of the heap are left out: {figures['size']['left_out']}",
                    err=True,
                )
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
