"""uhep secrets: what no file may hold, into a device's NVS."""

from typing import Annotated, NoReturn

import typer

from uhep_tools.commands.options import Port

app = typer.Typer(
    no_args_is_help=True,
    help="Wi-Fi, SIP and HEP secrets of a device, in its NVS. They are never shown.",
)
_MOST = 255  # octets: what the device's code reads


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="wifi_key, sip_password, sip_password2 or hep_key.")],
    port: Port = None,
    value: Annotated[
        str | None,
        typer.Option(
            envvar="UHEP_SECRET",
            help="Better not said here, where others see it: it is asked for.",
        ),
    ] = None,
) -> None:
    """Put a secret into NVS; the device starts again, with it."""
    from uhep_tools.board.settings import SECRETS

    _known(name)
    port = port or _found()
    if value is None:
        value = typer.prompt(name, hide_input=True, confirmation_prompt=True)
    if not 0 < len(value.encode()) <= _MOST or not value.isprintable():
        _stop(f"{name} must be 1 to {_MOST} printable characters")
    if name == SECRETS["hep.capture_password"]:
        _as_password(value)
    # The value goes over the cable and nowhere else; an error on the device does not show it.
    _run(port, f"n.set_blob({name!r}, {value.encode()!r})\nn.commit()")
    typer.echo(f"{name} is in the device's NVS")


@app.command("list")
def list_(port: Port = None) -> None:
    """Which secrets there are."""
    from uhep_tools.board.settings import SECRETS

    names = sorted(SECRETS.values())
    there = _run(
        port,
        f"b = bytearray(256)\nfound = []\nfor name in {names!r}:\n try:\n"
        "  n.get_blob(name, b)\n  found.append(name)\n except OSError:\n  pass\nprint(found)",
    )
    for name in names:
        typer.echo(f"{name}: {'set' if repr(name) in there else 'not set'}")


@app.command("forget")
def forget(
    name: Annotated[str, typer.Argument(help="wifi_key, sip_password, sip_password2 or hep_key.")],
    port: Port = None,
) -> None:
    """Take a secret out of NVS."""
    _known(name)
    _run(port, f"try:\n n.erase_key({name!r})\n n.commit()\nexcept OSError:\n pass")
    typer.echo(f"{name} is no longer there")


def _run(port: str | None, code: str) -> str:
    from uhep_tools.board.cable import Cable, CableError

    try:
        with Cable(port or _found()) as cable:
            return cable.run("from esp32 import NVS\nn = NVS('uhep')\n" + code)
    except CableError as error:
        _stop(str(error))


def _found() -> str:
    from uhep_tools.board.cable import CableError, find_port

    try:
        return find_port()
    except CableError as error:
        _stop(str(error))


def _known(name: str) -> None:
    from uhep_tools.board.settings import SECRETS

    if name not in SECRETS.values():
        _stop(f"there is no secret {name!r}; there are: {', '.join(sorted(SECRETS.values()))}")


def _as_password(value: str) -> None:
    from uhep_tools.board.settings import SettingsError, judge

    try:
        judge({}, {"capture_address": "192.0.2.9:9060", "capture_password": value})
    except SettingsError as error:
        _stop(str(error).replace(value, "that"))


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep secrets: {sentence}", err=True)
    raise typer.Exit(1)
