"""uhep deploy: what differs, onto a device at the cable."""

import json
from typing import Annotated, NoReturn

import typer

from uhep_tools.commands.options import DeviceFile, HepFile, Personality, Port, Version


def command(
    port: Port = None,
    board: Annotated[
        str | None, typer.Option(metavar="ID", help="Write the board's pins too.")
    ] = None,
    personality: Personality = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[hep.]KEY=VALUE",
            help="A setting of device.json or, with hep., of hep.json. The files are then new.",
        ),
    ] = None,
    device: DeviceFile = None,
    hep: HepFile = None,
    version: Version = None,
    wait_s: Annotated[
        float, typer.Option("--wait", help="Seconds to wait for the boot report; 0: not at all.")
    ] = 90.0,
) -> None:
    """Bring a device that runs MicroPython up to date: uhep, its firmware, its configuration.

    Only files whose SHA-256 differs are sent, each in one step, into the slot that does not run;
    then the device starts, and its boot report is awaited. Interrupted, it runs on as it was,
    and the next deploy goes on where this one ended. A release that is new is on trial: the
    device goes back by itself if it is not well for a minute within three starts.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from uhep_tools.board import boards, image, release
    from uhep_tools.board import settings as configuration
    from uhep_tools.board.cable import Cable, CableError, find_port
    from uhep_tools.board.deploy import DeployError, check_chip, deploy, look, steps

    console = Console(highlight=False, soft_wrap=True)
    try:
        described = boards.load(board) if board else None
        files = _settings(configuration, device, hep, settings or [], personality)
        if version is not None:
            release.check_version(version)
        with Cable(port or find_port()) as cable:
            told = look(cable)
            if described:
                check_chip(told, described)
            chip = next(chip for chip, arch in release.ARCHES.items() if arch == told["arch"])
            image.check_personality(json.loads(files.get("device.json", "{}")), chip)
            made = release.build(chip, *([version] if version is not None else []))
            slot, todo = steps(told, made, described, files)
            console.print(f"{told['machine']}: {len(todo)} files differ")
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                console=console,
                transient=True,
            ) as bar:
                task = bar.add_task("", total=sum(len(step.data) for step in todo))

                def progress(path: str, octets: int) -> None:
                    bar.update(task, description=path, advance=octets)

                done = deploy(cable, told, made, slot, todo, progress)
            console.print(
                f"slot {done.slot}: {done.sent} files sent ({done.octets:,} octets), "
                f"{done.copied} copied on the device, {done.kept} were there"
            )
            cable.reset()
            if wait_s:
                _await(console, cable.lines(wait_s), made.version, wait_s)
    except (
        boards.BoardError,
        configuration.SettingsError,
        image.ImageError,
        release.ReleaseError,
        CableError,
        DeployError,
    ) as error:
        _stop(str(error))


def _settings(configuration, device, hep, options, personality) -> dict[str, bytes]:
    # The files that are to be written: none that nobody asked for.
    on_device, of_agent = configuration.gather(device, hep, options, personality)
    files = {}
    if on_device:
        files["device.json"] = json.dumps(on_device, sort_keys=True).encode() + b"\n"
    if of_agent:
        files["hep.json"] = json.dumps(of_agent, sort_keys=True).encode() + b"\n"
    return files


def _await(console, lines, version: str, wait_s: float) -> None:
    from uhep_tools.text import printable

    last: list[str] = []
    for line in lines:
        last = [*last[-9:], line]
        if line.startswith("uhep why=boot"):
            console.print(printable(line))
            if f" version={version} " not in line:
                _stop(f"the device runs another release than {version}")
            if " personality=safe " in line:
                said = [each for each in last if each.startswith("safe mode: ")]
                _stop("the device is in " + (printable(said[-1]) if said else "safe mode"))
            return
    said = "\n  ".join(map(printable, last)) or "nothing"
    _stop(f"no boot report within {wait_s:g} s; the device's last lines:\n  {said}")


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep deploy: {sentence}", err=True)
    raise typer.Exit(1)
