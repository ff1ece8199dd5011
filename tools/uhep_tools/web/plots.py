"""Series over time as SVG: MOS, loss and jitter of a call, what a device told of itself."""

import math
from dataclasses import dataclass, field

from uhep_tools import quality
from uhep_tools.message import Message

WIDTH, HEIGHT = 640, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 10, 22
_TICKS = 5  # at the most


@dataclass(frozen=True)
class Point:
    """x, y: in the picture. at: seconds since the start. value: in the plot's unit."""

    x: float
    y: float
    at: float
    value: float


@dataclass
class Plot:
    """A picture of WIDTH x HEIGHT. series: name -> points. ticks: (place, text) of each axis."""

    title: str
    unit: str
    series: dict[str, list[Point]] = field(default_factory=dict)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)
    x_ticks: list[tuple[float, str]] = field(default_factory=list)

    left, right, bottom = _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
    width, height = WIDTH, HEIGHT

    @property
    def summary(self) -> str:
        """What the plot shows, in words."""
        said = []
        for name, points in self.series.items():
            values = [point.value for point in points]
            said.append(f"{name}: {_short(min(values))} to {_short(max(values))} {self.unit}")
        return f"{self.title}. {'; '.join(said)}"


def of_call(messages: list[Message], call: str) -> list[Plot]:
    """Of what the packets of a call say of its sound: one series a direction and agent."""
    series: dict[str, dict[str, list[tuple[int, float]]]] = {"mos": {}, "loss": {}, "jitter": {}}
    for point in quality.points(messages, call):
        name = f"{point.stream}, {point.agent}" + (", whole call" if point.final else "")
        told = (("mos", point.mos), ("loss", point.loss), ("jitter", point.jitter_ms))
        for kind, value in told:
            if value is not None:
                series[kind].setdefault(name, []).append((point.time_us, value))
    if not any(series.values()):
        return []
    start = min(message.stamp_us for message in messages)
    end = max(message.stamp_us for message in messages)
    made = (
        plot("MOS", "", series["mos"], start, end, (1, 5)),
        plot("Packet loss", "%", series["loss"], start, end, (0, 1)),
        plot("Jitter", "ms", series["jitter"], start, end, (0, 5)),
    )
    return [one for one in made if one.series]


def plot(
    title: str,
    unit: str,
    series: dict[str, list[tuple[int, float]]],
    start_us: int,
    end_us: int,
    span: tuple[float, float],
) -> Plot:
    """series: name -> [(Unix microseconds, value)]. span: values that the axis shows at least."""
    values = [value for points in series.values() for _, value in points]
    low, high = min([span[0], *values]), max([span[1], *values])
    seconds = max(1e-6, (end_us - start_us) / 1_000_000)
    made = Plot(title, unit)

    def x(at: float) -> float:
        return round(_LEFT + at / seconds * (WIDTH - _LEFT - _RIGHT), 2)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 2)

    for name, points in series.items():
        times = [((stamp - start_us) / 1_000_000, value) for stamp, value in sorted(points)]
        made.series[name] = [Point(x(at), y(value), at, value) for at, value in times]
    made.y_ticks = [(y(value), _short(value)) for value in _ticks(low, high)]
    made.x_ticks = [(x(at), f"{_short(at)} s") for at in _ticks(0, seconds)]
    return made


def of_status(lines: list[Message]) -> list[Plot]:
    """Of each number that a device's status lines tell: over the time in which they came."""
    from uhep_tools.web.health import told

    series: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        pairs = told(line)
        if len(pairs) < 3:
            continue
        for key, value in pairs.items():
            if value.isascii() and value.isdigit() and len(value) < 15:
                series.setdefault(key, []).append((line.received_us, float(value)))
    found = []
    for key, points in series.items():
        values = {value for _, value in points}
        if len(points) > 1 and len(values) > 1:
            start, end = min(points)[0], max(points)[0]
            low = min(values)
            found.append(plot(key, "", {key: points}, start, end, (low, low + 1)))
    return found


def _ticks(low: float, high: float) -> list[float]:
    """Round values from low to high, a few."""
    power = 10.0 ** math.floor(math.log10((high - low) / _TICKS))
    step = next(
        each * power for each in (1, 2, 5, 10, 20) if (high - low) / each / power <= _TICKS
    )
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
