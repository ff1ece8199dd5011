"""`uhep decode`: HEP packets as text, JSON or a capture of what they carry."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer


def command(
    file: Annotated[
        Path | None,
        typer.Argument(help="What to read; - or nothing: standard input.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if any packet has a fault.")
    ] = False,
    pcap: Annotated[
        Path | None,
        typer.Option(help="Write the SIP inside as a capture file instead of listing it."),
    ] = None,
) -> None:
    """Decode HEP packets.

    They may come as hex (plain, or a dump as of xxd), raw one behind the other, as JSON lines
    with "hex", in a pcap or pcapng capture (UDP and TCP), or in a database of `uhep serve`:
    which it is, is told from the content.

    Exit status: 0, or 1 if there was no packet or, with --strict, any faulty one, or 2 if the
    input can not be read.
    """
    from uhep_tools.readers import ReadError, read_file, read_stream

    if pcap and file and pcap.exists() and file.exists() and pcap.samefile(file):
        _stop(f"{pcap} would be overwritten while it is read; name another file")
    try:
        if file is None or str(file) == "-":
            if sys.stdin.isatty():
                typer.echo("Type or paste hex, then Ctrl-D:", err=True)
            records = read_stream(sys.stdin.buffer)
        else:
            records = read_file(file)
        ok = _run(_read(records), as_json, strict, pcap)
    except ReadError as error:
        _stop(f"{file or 'standard input'}: {error}")
    except BrokenPipeError:
        raise
    except OSError as error:
        written = [str(pcap)] if pcap else []
        if as_json or not pcap:
            written.append("standard output")
            if not error.filename:  # what waits for it would be tried again at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _stop(f"{error.filename or ' or '.join(written)}: {error.strerror}")
    raise typer.Exit(0 if ok else 1)


def _stop(sentence: str) -> None:
    typer.echo(f"uhep decode: {sentence}", err=True)
    raise typer.Exit(2)


def _read(records: Iterable) -> Iterator:
    """The same; a file that can not be read is a ReadError: any OSError is of what is written."""
    from uhep_tools.readers import ReadError

    try:
        yield from records
    except OSError as error:
        raise ReadError(error.strerror) from None


def _run(records: Iterable, as_json: bool, strict: bool, pcap: Path | None) -> bool:
    """Decode all, show or write them; False if that is a failure."""
    from rich.console import Console

    from uhep_tools.hep import HepError
    from uhep_tools.render import as_object, as_text, refusal

    console = Console(soft_wrap=True, highlight=False)
    total = decoded = faulty = 0
    skipped: Counter[str] = Counter()
    with ExitStack() as stack:
        out = None
        if pcap:
            from uhep_tools.pcap import PcapFile

            out = stack.enter_context(PcapFile(pcap))
        for record in records:
            total += 1
            try:
                packet = record.decode()
            except HepError as error:
                packet, lint = None, [error.fault]
            else:
                decoded += 1
                lint = packet.lint
            faults = [fault for fault in lint if fault.refused]
            faulty += bool(faults)
            if out:
                reason = out.write(packet, record.received_us) if packet else "no HEP"
                skipped.update([reason] if reason else [])
            if as_json:
                typer.echo(json.dumps(as_object(record, packet, lint)))
            elif not out:
                console.print(
                    as_text(total, record, packet) if packet else refusal(total, record, lint[0])
                )
            elif strict:
                for fault in faults:
                    typer.echo(f"#{total} ({record.where}): {fault}", err=True)
    _sum_up(total, faulty, skipped, pcap)
    return decoded > 0 and not (strict and faulty)


def _sum_up(total: int, faulty: int, skipped: Counter[str], pcap: Path | None) -> None:
    from uhep_tools.text import count

    told = [count(total, "packet") if total else "no HEP packet found", f"{faulty} faulty"]
    typer.echo(", ".join(told if faulty else told[:1]), err=True)
    if pcap:
        left_out = "".join(f", {number} left out: {why}" for why, number in skipped.items())
        written = count(total - skipped.total(), "packet")
        typer.echo(f"{written} written to {pcap}{left_out}", err=True)
