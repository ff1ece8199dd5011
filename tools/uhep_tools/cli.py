"""The console script `uhep`: one typer app, one module a verb.

A verb lives in uhep_tools/commands/ as a function `command`; its imports of heavy
libraries stay inside, so that `uhep --help` is quick.
"""

import errno
import sys

import typer

from uhep_tools.commands import (
    bench,
    console,
    decode,
    demo,
    deploy,
    expect,
    flash,
    image,
    load,
    release,
    secrets,
    serve,
    show,
    sim,
    watch,
)

app = typer.Typer(
    name="uhep",
    help="HEP v3 capture for embedded SIP devices: serve, decode, simulate, measure.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("bench")(bench.command)
app.command("console")(console.command)
app.command("decode")(decode.command)
app.command("demo")(demo.command)
app.command("deploy")(deploy.command)
app.command("expect")(expect.command)
app.command("flash")(flash.command)
app.command("image")(image.command)
app.command("load")(load.command)
app.command("release")(release.command)
app.command("serve")(serve.command)
app.command("show")(show.command)
app.command("sim")(sim.command)
app.command("watch")(watch.command)

app.add_typer(secrets.app, name="secrets")


def main() -> None:
    if sys.stdout and sys.stdout.encoding.lower() not in ("utf-8", "utf8"):
        sys.stdout.reconfigure(errors="replace")  # it may not have the lines of a picture
    try:
        app()
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        from uhep_tools.commands.output import unwritable

        sys.exit(f"uhep: {unwritable(error)}")


if __name__ == "__main__":
    main()
