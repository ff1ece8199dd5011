"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[
    str | None, typer.Option(help="Port or pyserial URL; the board at USB if there is one.")
]
Personality = Annotated[str | None, typer.Option(help="phone, ata, probe, ...")]
DeviceFile = Annotated[Path | None, typer.Option(help="A device.json to begin with.")]
HepFile = Annotated[Path | None, typer.Option(help="A hep.json to begin with.")]
Version = Annotated[str | None, typer.Option(help="Of the release; as 0.1.0.")]
