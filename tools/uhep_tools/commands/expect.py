"""uhep expect: whether a device sends what a scenario expects."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer


def command(
    scenario: Annotated[Path, typer.Argument(help="YAML file with the expected packets.")],
    listen: Annotated[
        str, typer.Option(help="Address and port, for UDP and TCP; [IPv6]:port is possible.")
    ] = "127.0.0.1:9060",
    db: Annotated[
        Path | None,
        typer.Option(
            help="Judge this instead: a database of `uhep serve`, or what `uhep decode` reads."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the expected packets.")
    ] = 30.0,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for surplus ones after the last.")
    ] = 1.0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="The value of a variable, $NAME."),
    ] = None,
) -> None:
    """Compare the HEP packets that come with the expected ones.

    Exit status: 0 if all is as expected; 1 if not, saying what differed; 2 if the scenario
    is faulty, or the address or file can not be used.
    """
    from rich.console import Console

    from uhep_tools.expect import Capture, ScenarioError, check, load
    from uhep_tools.record import ReadError
    from uhep_tools.server import ListenError

    console = Console(soft_wrap=True, highlight=False)
    try:
        expected = load(scenario, dict(map(_setting, settings or [])))
        if db:
            capture = Capture.read(db)
        else:
            capture = _listen(expected, listen, timeout, settle)
    except (ScenarioError, ListenError) as error:
        _stop(str(error))
    except ReadError as error:
        _stop(f"{db}: {error}")
    except OSError as error:
        _stop(f"{db}: {error.strerror}")
    report = check(expected, capture)
    console.print(report)
    raise typer.Exit(0 if report.ok else 1)


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep expect: {sentence}", err=True)
    raise typer.Exit(2)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        _stop(f"--set {text}: NAME=VALUE would be right, as device=127.0.0.1:5060")
    return name.removeprefix("$"), value


def _listen(expected, listen: str, timeout: float, settle: float):
    """What came until it was enough, too late, or Ctrl-C."""
    import contextlib

    from rich.console import Console

    from uhep_tools.expect import Capture, wait
    from uhep_tools.server import DEFAULT_PORT, Server, in_thread
    from uhep_tools.text import count, endpoint, parse_endpoint

    try:
        host, port = parse_endpoint(listen, DEFAULT_PORT)
    except ValueError as error:
        _stop(str(error))
    capture = Capture()
    console = Console(stderr=True, highlight=False)
    wanted = count(len(expected.packets), "packet")

    class Progress:
        def __rich__(self) -> str:
            return f"{len(capture.packets)} of {wanted}; Ctrl-C to judge what is here"

    waiting = console.status(Progress()) if console.is_terminal else contextlib.nullcontext()
    with in_thread(Server(capture, host, port)) as server, contextlib.suppress(KeyboardInterrupt):
        console.print(f"Listening on {endpoint(host, server.port)} for {wanted}", soft_wrap=True)
        with waiting:
            wait(expected, capture, timeout, settle)
    return capture
