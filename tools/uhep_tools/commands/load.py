"""uhep load: realistic calls for a collector."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

PATIENCE_S = 10.0  # for what is on its way into the database
BEHIND_S = 1.0  # this much behind the rate in the end, it was not offered


def command(
    collector: Annotated[str, typer.Argument(help="Address and port of any HEP collector.")],
    rate: Annotated[float, typer.Option(min=0.1, help="Packets a second.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long.")] = 10.0,
    transport: Annotated[str, typer.Option(help="udp or tcp.")] = "udp",
    phones: Annotated[int, typer.Option(min=2, help="Agents that the calls are between.")] = 50,
    key: Annotated[
        str | None, typer.Option(envvar="UHEP_KEY", help="Authentication key of every packet.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="The same seed makes the same calls; without, each run makes others."),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(help="Database of the `uhep serve` that is sent to: look each packet up."),
    ] = None,
) -> None:
    """Offer realistic calls to a collector, at a steady rate.

    SIP through a proxy seen by the phone at each end, RTCP, reports, status lines. Says what was
    offered and what could be verified of it: over UDP, whether anybody listens; over TCP, that
    every octet was acknowledged; with --db, that every packet is stored, octet for octet.

    Exit status: 0, or 1 if something is missing or the collector can not be reached.
    """
    import math
    import time
    from collections import Counter

    from rich.console import Console
    from rich.progress import Progress

    from uhep_tools.load.offer import LoadError, TcpSender, UdpSender, offer
    from uhep_tools.load.traffic import MEAN_PACKETS, Traffic, stream
    from uhep_tools.server import DEFAULT_PORT
    from uhep_tools.text import count, parse_endpoint

    senders = {"udp": UdpSender, "tcp": TcpSender}
    if transport not in senders:
        _stop(f"--transport {transport}: udp or tcp would be right")
    if not math.isfinite(rate * seconds):
        _stop(f"--rate {rate:g} --seconds {seconds:g}: numbers with an end would be right")
    if key == "":
        _stop("the key is empty; leave --key out to send none")
    try:
        host, port = parse_endpoint(collector, DEFAULT_PORT)
    except ValueError as error:
        _stop(str(error))
    console = Console(soft_wrap=True, highlight=False)
    traffic = Traffic(phones, key.encode() if key else None, seed)
    # Calls that begin now have their reports half a minute later: none shall be in the future.
    packets = stream(traffic, time.time_ns() // 1000 - 40_000_000, rate / MEAN_PACKETS)
    digests: Counter[bytes] = Counter()
    total = max(1, int(rate * seconds))
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"Offering to {collector}", total=total)
            offered = offer(
                senders[transport](host, port),
                packets,
                rate,
                total,
                progress=lambda now: bar.update(task, completed=now.packets),
                seen=(lambda sent: digests.update([sent.packet])) if db else lambda sent: None,
            )
    except LoadError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        _stop("stopped")
    size = f"{offered.octets:,} octets"
    console.print(
        f"{count(offered.packets, 'packet')} of {count(offered.calls, 'call')} offered in "
        f"{offered.seconds:.1f} s, {offered.packets / offered.seconds:,.0f} a second, {size}"
    )
    problems = []
    if offered.behind_s > BEHIND_S:
        problems.append(f"this machine was {offered.behind_s:.1f} s behind the rate in the end")
    if offered.refused:
        problems.append(f"nobody listens: {count(offered.refused, 'datagram')} refused by ICMP")
    elif transport == "udp":
        console.print("nobody refused a datagram; what is lost on the way, UDP does not tell")
    if offered.unread:
        problems.append(f"{count(offered.unread, 'octet')} were not acknowledged")
    elif transport == "tcp":
        console.print("every octet was acknowledged")
    if db:
        problems += _verify(db, digests, console)
    for problem in problems:
        console.print(f"[red]failed:[/red] {problem}")
    if problems:
        raise typer.Exit(1)


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"uhep load: {sentence}", err=True)
    raise typer.Exit(1)


def _verify(db: Path, digests, console) -> list[str]:
    """What of the packets is not in the database, as sentences."""
    import time

    from uhep_tools.load.verify import missing
    from uhep_tools.store import StoreError

    try:
        left = missing(db, digests)
        end = time.monotonic() + PATIENCE_S
        while left and time.monotonic() < end:
            time.sleep(0.3)
            left = missing(db, digests)
    except StoreError as error:
        _stop(str(error))
    if left:
        return [f"{left:,} of {digests.total():,} packets are not in {db}"]
    console.print(f"every packet is in {db}, octet for octet")
    return []
