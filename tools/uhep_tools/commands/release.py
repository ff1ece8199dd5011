"""uhep release: a signed bundle for field updates."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer


def command(
    key: Annotated[Path, typer.Option(metavar="FILE", help="The private key, a PEM file.")],
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key, and end.")] = False,
    board: Annotated[
        str, typer.Option(metavar="ID", help="A board of the chip that it is for.")
    ] = "WT32_ETH01",
    version: Annotated[str | None, typer.Option(help="Higher than what runs; as 0.1.1.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="uhep-VERSION-CHIP.uhep")] = None,
) -> None:
    """Make a release bundle that devices fetch from their update_url and take in by themselves.

    First `uhep release --key fleet.pem --new-key`, which prints the public key for update_key in
    device.json; then `uhep release --key fleet.pem --version 0.1.1` for each release.
    """
    from uhep_tools.board import boards, bundle, release

    try:
        if new_key:
            typer.echo(f"update_key={bundle.new_key(key)}")
            typer.echo(f"{key}: whoever has it decides what your devices run. Keep it.")
            return
        private = bundle.load_key(key)
        chip = boards.load(board)["chip"]
        made = release.build(chip, *([version] if version else []))
        data = bundle.make(made, private)
        out = out or Path(f"uhep-{made.version}-{chip}.uhep")
        out.write_bytes(data)
    except (bundle.BundleError, boards.BoardError, release.ReleaseError) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename}: {error.strerror}")
    typer.echo(f"{out}: {made.version} for {chip}, {len(made.files)} files, {len(data):,} octets")
    typer.echo(f"update_key={bundle.public(private)}")


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep release: {sentence}", err=True)
    raise typer.Exit(1)
