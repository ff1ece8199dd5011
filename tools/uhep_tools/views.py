"""What the terminal shows of a store: calls, rejects, agents."""

from rich.table import Table
from rich.text import Text

from uhep_tools.calls import Call
from uhep_tools.ladder import state_style
from uhep_tools.message import Message
from uhep_tools.quality import Point, Quality
from uhep_tools.status import Status
from uhep_tools.store import Reject
from uhep_tools.text import clock, printable, span

_WIDE = 100
_SHOWN = 12  # points of a stream, the latest


def calls_table(calls: list[Call], now_us: int, width: int) -> Table:
    """One line a call, in width columns; below 100 without the agents.

    now_us: Unix microseconds, up to which a call that goes on lasts.
    """
    wide = width >= _WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), expand=True)
    for name, size in (("start", 11), ("method", 8), ("from", 9), ("to", 9), ("state", 16)):
        table.add_column(name, no_wrap=True, max_width=size + 7 if wide else size)
    table.add_column("lasted", no_wrap=True, min_width=7, justify="right")
    table.add_column("msgs", no_wrap=True, min_width=4, justify="right")
    if wide:
        table.add_column("agents", no_wrap=True, max_width=20)
    table.add_column("Call-ID", no_wrap=True, ratio=1, style="bright_black")
    for call in calls:
        duration = call.duration_us(now_us)
        # Text, never str: what came from the network is no markup.
        cells = [
            clock(call.start_us, now_us),
            Text(call.method or "-"),
            Text(call.from_user),
            Text(call.to_user),
            Text(call.state, state_style(call.state)),
            "" if duration is None else span(duration),
            str(call.messages),
        ]
        agents = [Text(", ".join(call.agents))] if wide else []
        table.add_row(*cells, *agents, Text(call.call))
    return table


def quality_table(streams: list[Quality], found: list[Point], start_us: int) -> Table:
    """A line a stream, and under it its MOS, loss and jitter over time.

    start_us: when the call began, Unix microseconds.
    """
    table = Table(title="Voice quality", title_justify="left", box=None, pad_edge=False)
    table.add_column("stream, time", no_wrap=True)
    for name in ("MOS", "least", "loss", "lost", "jitter", "round trip"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("by", no_wrap=True)
    for stream in streams:
        table.add_row(
            Text(stream.stream, "bold"),
            *(Text(cell) for cell in _heard(stream, stream.mos_least)),
            Text(", ".join(stream.agents)),
        )
        of = [point for point in found if point.stream == stream.stream]
        for point in of[-_SHOWN:]:
            when = f"  {(point.time_us - start_us) / 1_000_000:9.3f}"
            cells = _heard(point, None)
            table.add_row(
                when, *cells, point.source + " final" * point.final, style="bright_black"
            )
        if len(of) > _SHOWN:
            table.add_row(f"  the last {_SHOWN} of {len(of)}", style="bright_black")
    return table


def _heard(of: Point | Quality, least: float | None) -> list[str]:
    return [
        _cell(of.mos, ".2f"),
        _cell(least, ".2f"),
        _cell(of.loss, ".1f", " %"),
        _cell(of.lost, ",d"),
        _cell(of.jitter_ms, ".1f", " ms"),
        _cell(of.rtt_ms, ".0f", " ms"),
    ]


def _cell(value: float | int | None, form: str, unit: str = "") -> str:
    return "" if value is None else format(value, form) + unit


def status_line(message: Message, status: Status, now_us: int) -> Text:
    """One line: when, which device, and what it said of itself."""
    line = Text(clock(message.stamp_us, now_us), no_wrap=True, overflow="ellipsis")
    line.append(f"  {message.agent}", "bold").append(f"  {printable(str(status))}")
    if status.gap or status.word("failure"):
        line.stylize("yellow")
    return line


def reject_line(reject: Reject, now_us: int) -> Text:
    """One line: when, from where, the name of the fault and its sentence."""
    line = Text()
    line.append(clock(reject.received_us, now_us)).append(f"  {reject.peer}  ")
    line.append(reject.name, "red").append(f"  {reject.sentence}")
    return line
