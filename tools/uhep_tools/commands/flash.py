"""uhep flash: an image onto a board."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    image: Annotated[Path, typer.Argument(help="A file of uhep image.")],
    port: Annotated[
        str | None, typer.Option(help="Port of the board; the one at USB if there is one.")
    ] = None,
    baud: Annotated[int, typer.Option(help="Speed; slower if the cable is bad.")] = 460800,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase all first, the secrets in NVS too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be written.")
    ] = False,
) -> None:
    """Flash a board with a file of uhep image, by esptool, and verify it.

    Chip and flash size must be those of the image. What is in NVS stays, unless --erase is given.
    """
    from uhep_tools.board import flash
    from uhep_tools.board.cable import CableError, check_port, find_port

    try:
        firmware, data = flash.read(image)
        todo = flash.parts(firmware, data, erase)
        typer.echo("To be written, NVS and its secrets too:" if erase else "To be written:")
        for part in todo:
            typer.echo(f"  {part.at:#08x} to {part.at + len(part.data):#08x}")
        if dry_run:
            return
        port = port or find_port()
        check_port(port)
        flash.check(firmware, data, *flash.chip_flash(port, baud))
        flash.write(port, baud, firmware, todo, erase)
    except (flash.FlashError, CableError) as error:
        typer.echo(f"uhep flash: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo("Now: uhep secrets set wifi_key (with Wi-Fi), then uhep console")
