"""uhep sim: devices in the unix-port emulator."""

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
_PORT_STEP = 2


def command(
    personality: Annotated[str, typer.Argument(help="What the devices are: phone.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(help="A device for each name; one, named like the personality, if none."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[NAME:][hep.]KEY=VALUE",
            help="A setting of device.json or, with hep., of hep.json; of all devices or one.",
        ),
    ] = None,
    heap: Annotated[str, typer.Option(help="Heap of the board, as 96K.")] = "96K",
    state: Annotated[
        Path, typer.Option(help="Folder with a folder for each device, kept for the next run.")
    ] = Path("state"),
) -> None:
    """Run a firmware personality in MicroPython's unix port.

    The first device is at 127.0.0.1:5060 unless --set says otherwise, each further one two
    ports up. Try: uhep sim phone alice bob --set alice:call=sip:bob@127.0.0.1:5062
    --set alice:talk_ms=3000 --set hep.capture_address=127.0.0.1:9060

    Ctrl-C ends it. Exit status: 0, or 1 if a device could not run or ended badly.
    """
    import signal

    from rich.console import Console

    from uhep_tools.sim import PERSONALITIES, Device, SimError

    if personality not in PERSONALITIES:
        _stop(f"there is no {personality!r}; there is: {', '.join(PERSONALITIES)}")
    names = names or [personality]
    if len(set(names)) < len(names):
        _stop("two devices have the same name")
    chosen = _chosen(settings or [], names)
    console = Console(soft_wrap=True, highlight=False)
    width = max(map(len, names))
    devices: list[Device] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for index, name in enumerate(names):
            device = Device(
                name,
                state / name,
                device={"personality": personality} | chosen[name]["device"],
                hep=chosen[name]["hep"] or None,
                defaults=_ports(personality, index),
                heap=heap,
                echo=_echo(console, name.ljust(width), _COLOURS[index % len(_COLOURS)]),
            )
            devices.append(device)
            device.start()
        for device in devices:
            device.wait()
    except SimError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        for device in devices:
            device.kill()


def _ports(personality: str, index: int) -> dict[str, int]:
    if personality in ("probe", "sniffer"):
        return {}
    return {"sip_port": 5060 + _PORT_STEP * index, "rtp_port": 4000 + _PORT_STEP * index}


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep sim: {sentence}", err=True)
    raise typer.Exit(1)


def _echo(console, name: str, colour: str):
    from rich.text import Text

    from uhep_tools.text import printable

    def echo(line: str) -> None:
        console.print(Text.assemble((f"{name} | ", colour), printable(line)))

    return echo


def _chosen(settings: list[str], names: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """{name: {"device": settings, "hep": settings}} of the --set options."""
    chosen: dict[str, dict[str, dict[str, Any]]] = {n: {"device": {}, "hep": {}} for n in names}
    for setting in settings:
        key, equals, text = setting.partition("=")
        name, colon, key = key.rpartition(":")
        if not equals or not key.removeprefix("hep."):
            _stop(f"--set {setting}: KEY=VALUE would be right, as talk_ms=3000")
        if colon and name not in chosen:
            _stop(f"--set {setting}: there is no device {name!r}; there is: {', '.join(names)}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        file = "hep" if key.startswith("hep.") else "device"
        for one in [name] if colon else names:
            chosen[one][file][key.removeprefix("hep.")] = value
    return chosen
