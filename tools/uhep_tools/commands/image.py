"""uhep image: a flashable file."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from uhep_tools.commands.options import DeviceFile, HepFile, Personality, Version

# Octets of heap that an ESP32 with MicroPython 1.27 has, and what Wi-Fi leaves of it at least.
_HEAP = 164_000
_WITH_WIFI = 139_000
_RING = 8192  # octets of the agent's ring that the figures are measured with


def command(
    firmware: Annotated[
        Path, typer.Option(metavar="FILE", help="The firmware .bin of micropython.org.")
    ],
    board: Annotated[str, typer.Option(metavar="ID", help="Of boards/, or a folder like those.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write; BOARD-PERSONALITY.bin.")
    ] = None,
    personality: Personality = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[hep.]KEY=VALUE",
            help="A setting of device.json or, with hep., of hep.json.",
        ),
    ] = None,
    device: DeviceFile = None,
    hep: HepFile = None,
    flash_mb: Annotated[
        int | None, typer.Option(help="Size of the flash if not as usual.")
    ] = None,
    version: Version = None,
) -> None:
    """Make one flashable file: firmware, uhep, and the configuration of a device.

    Try: uhep image --firmware ESP32_GENERIC-20251209-v1.27.0.bin --board WT32_ETH01
    --personality phone --set name=desk-17 --set hep.capture_address=192.0.2.9:9060

    The same input gives the same octets. Secrets do not belong into it: see uhep secrets.
    """
    from rich.console import Console

    from uhep_tools.board import boards, filesystem, image, release
    from uhep_tools.board import firmware as official
    from uhep_tools.board import settings as configuration

    console = Console(highlight=False)
    try:
        described = boards.load(board)
        on_device, of_agent = configuration.gather(device, hep, settings or [], personality)
        if not firmware.exists():
            name = described["firmware"]
            _stop(
                f"{firmware}: No such file. For {described['id']} it is {name}, 1.26 or newer, of "
                f"https://micropython.org/download/{name.partition('-')[0]}/"
            )
        read = official.load(firmware)
        made = image.compose(
            read, described, on_device, of_agent, flash_mb=flash_mb, version=version
        )
        out = out or Path(f"{described['id']}-{on_device.get('personality', 'phone')}.bin")
        out.write_bytes(made.data)
    except (
        boards.BoardError,
        configuration.SettingsError,
        official.FirmwareError,
        image.ImageError,
        release.ReleaseError,
        filesystem.FilesystemError,
    ) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename}: {error.strerror}")
    for table in _tables(made):
        console.print(table)
        console.print()
    ring = of_agent.get("queue_bytes", _RING) - _RING
    _heap(console, on_device.get("personality", "phone"), described, ring)
    if not made.updatable:
        used, of = made.blocks
        console.print(
            f"The files take {used} of {of} blocks: a field update has no room beside them."
        )
    if described["network"]["kind"] == "wifi" and not on_device.get("wifi_ssid"):
        console.print(f"{described['id']} has Wi-Fi only: it will need --set wifi_ssid=NAME.")
    console.print(f"{out}: {len(made.data):,} octets. Now: uhep flash {out}", soft_wrap=True)


def _heap(console, personality: str, board, more: int) -> None:
    from uhep_tools.bench import report
    from uhep_tools.bench.firmware import measure
    from uhep_tools.bench.machine import BenchError

    try:
        with console.status("The heap that it takes, on an emulated board"):
            figures = measure([personality])
    except BenchError as error:
        console.print(f"No figures of the heap: {error}")
        return
    for table in list(report.firmware_tables(figures))[1:]:
        console.print(table)
        console.print()
    if figures["left_out"]:
        console.print(f"No figures of the heap: {figures['left_out']}", soft_wrap=True)
        return
    octets = figures["heap"][personality]["sum"] + more
    wifi = board["network"]["kind"] == "wifi"
    room = _WITH_WIFI if wifi else _HEAP
    if octets > room and "psram" not in board:
        console.print(
            f"{personality} takes {octets:,} octets of heap, but this board has {room:,}"
            f"{' with Wi-Fi up' if wifi else ''}. Take one with PSRAM, or freeze the modules "
            "(boards/README.md).\n",
            soft_wrap=True,
        )


def _tables(made):
    from rich.table import Table

    flash = Table(title="The flash", title_justify="left")
    for name in ("at", "octets", "in use"):
        flash.add_column(name, justify="right", no_wrap=True)
    flash.add_column("what", overflow="fold")
    for row in made.rows:
        what = f"{row.name}: {row.what}" if row.what else row.name
        flash.add_row(f"{row.at:#08x}", f"{row.size:,}", f"{row.used:,}", what)
    yield flash
    parts: dict[str, list[int]] = {}
    for path, data in made.files.items():
        slot, _, inner = path.partition("/")
        package = inner.split("/")[0] if inner.startswith(("uhep/", "usip/")) else "firmware"
        part = f"{slot}/: {package}" if inner else path
        parts.setdefault(part, []).append(len(data))
    files = Table(title="The files", title_justify="left")
    files.add_column("")
    files.add_column("files", justify="right")
    files.add_column("octets", justify="right")
    for part, sizes in sorted(parts.items()):
        files.add_row(part, str(len(sizes)), f"{sum(sizes):,}")
    yield files


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep image: {sentence}", err=True)
    raise typer.Exit(1)
