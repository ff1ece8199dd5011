"""uhep sim: devices in the unix-port emulator."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
_PORT_STEP = 2
_RTP_PORTS = 8  # an ATA's two lines have two calls each


def command(
    personality: Annotated[
        str, typer.Argument(help="What the devices are: phone, ata, probe, sniffer.")
    ],
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
    size: Annotated[
        int | None,
        typer.Option(
            "--count",
            metavar="N",
            help="A fleet of so many phones instead, which call each other in pairs.",
        ),
    ] = None,
    heap: Annotated[
        str | None,
        typer.Option(
            help="Heap of the board: 96K, or 128K of a phone with a server, or 160K of an ATA."
        ),
    ] = None,
    state: Annotated[
        Path, typer.Option(help="Folder with a folder for each device, kept for the next run.")
    ] = Path("state"),
) -> None:
    """Run a firmware personality in MicroPython's unix port.

    The first device is at 127.0.0.1:5060 unless --set says otherwise, each further one two
    ports up. Try: uhep sim phone alice bob --set alice:call=sip:bob@127.0.0.1:5062
    --set alice:talk_ms=3000 --set hep.capture_address=127.0.0.1:9060

    With --count 50, phone-001 calls phone-002 and so on, on free ports; each call lasts talk_ms,
    1000 unless it is set, and what the agents counted together is told in the end. With --set
    sip_server=HOST:PORT they register there and call by it.

    What is typed goes to the device's console, "help" lists its commands; with several devices
    the line begins with the name of one. Ctrl-C ends it. Exit status: 0, or 1 if a device could
    not run or ended badly.
    """
    import signal

    from rich.console import Console

    from uhep_tools.commands.output import unwritable
    from uhep_tools.fleet import wait_all
    from uhep_tools.sim import PERSONALITIES, Device, SimError, find_firmware

    try:
        find_firmware()
    except SimError as error:
        _stop(str(error))
    if personality not in PERSONALITIES:
        _stop(f"there is no {personality!r}; there is: {', '.join(PERSONALITIES)}")
    if size is not None:
        if names or personality != "phone":
            _stop("--count is for phones, and names them itself: uhep sim phone --count 50")
        _fleet(size, settings or [], heap, state)
        return
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
        if sys.stdin:  # it may be closed
            _pass_on(devices)
        wait_all(devices)
    except SimError as error:
        _stop(str(error))
    except OSError as error:
        _stop(unwritable(error))
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        for device in devices:
            device.kill()


def _fleet(size: int, settings: list[str], heap: str | None, state: Path) -> None:
    """Run it to its end, and tell what came of it."""
    import signal

    from rich.console import Console

    from uhep_tools.commands.progress import progress_bar
    from uhep_tools.fleet import Fleet, summary
    from uhep_tools.sim import SimError

    chosen = _chosen(settings, [""])[""]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        fleet = Fleet(size, state, device=chosen["device"], hep=chosen["hep"] or None, heap=heap)
        with progress_bar() as progress:
            progress(f"starting {size} phones", 0)
            with fleet:
                counts = fleet.wait(
                    fleet.limit_s + 60,
                    lambda ended, size: progress(f"{ended} of {size} have called", ended / size),
                )
    except SimError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        _stop("stopped")
    said, problems = summary(counts)
    console = Console(soft_wrap=True, highlight=False)
    console.print(said)
    for problem in problems:
        console.print(f"failed: {problem}", style="red")
    if problems:
        raise typer.Exit(1)


def _ports(personality: str, index: int) -> dict[str, int]:
    if personality in ("probe", "sniffer"):
        return {}
    rtp = _RTP_PORTS if personality == "ata" else _PORT_STEP
    return {"sip_port": 5060 + _PORT_STEP * index, "rtp_port": 4000 + rtp * index}


def _pass_on(devices) -> None:
    """Give each device the lines that are typed for it, in a thread of their own."""
    import threading

    from uhep_tools.sim import SimError

    named = {device.name: device for device in devices}
    sys.stdin.reconfigure(errors="backslashreplace")

    def read() -> None:
        for line in sys.stdin:
            name, _, rest = line.strip().partition(" ")
            if len(devices) > 1 and name and name not in named:
                typer.echo(f"{name}: which device? {', '.join(named)}", err=True)
                continue
            device, text = (named[name], rest) if len(devices) > 1 and name else (devices[0], line)
            if text.strip():
                try:
                    device.type(text.strip())
                except SimError as error:
                    typer.echo(str(error), err=True)

    threading.Thread(target=read, daemon=True).start()


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
            known = f"there is: {', '.join(names)}" if any(names) else "a setting is of all phones"
            _stop(f"--set {setting}: there is no device {name!r}; {known}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        file = "hep" if key.startswith("hep.") else "device"
        for one in [name] if colon else names:
            chosen[one][file][key.removeprefix("hep.")] = value
    return chosen
