"""What captured packets say of how calls sounded: MOS, loss and jitter over time.

    from uhep_tools import quality

    for point in quality.series(store, "3848276298220188511@192.0.2.10"):
        print(point.time_us, point.stream, point.mos, point.loss, point.jitter_ms)
    quality.summary(points)  # one Quality for each stream, for a table

Everything is read from the packets of the call: RTCP (type 5), reports (types 32, 34, 38), MOS
chunks, and RFC 6035 bodies, alone (type 35) or in a PUBLISH. Nothing is estimated here: a value
that no packet told, or that can not be one, is None.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from uhep_tools import vqreport
from uhep_tools.chunks import SIP
from uhep_tools.figures import CLOCK_HZ, json_object, milliseconds, number, packets, percent, score
from uhep_tools.message import Message
from uhep_tools.text import endpoint, printable

_RTCP = 5
_JSON = (32, 34, 38)
_SHORT = 35


@dataclass(frozen=True)
class Point:
    """What one report says of one stream, that is of the sound in one direction.

    stream: "from → to" as text, the addresses of RTP. agent: who captured it. source: "rtcp",
    "xr", "report" or "vq". mos: 1 to 5. loss: percent, of the time since the report before for
    RTCP, else of the call so far. final: it is of the whole call.
    """

    time_us: int
    stream: str
    agent: str
    source: str
    mos: float | None = None
    loss: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    lost: int | None = None
    final: bool = False


@dataclass(frozen=True)
class Quality:
    """A stream in one line: the mean and the lowest MOS, and the worst of the rest.

    lost: packets, the highest number told. reports: how many points there were.
    """

    stream: str
    agents: tuple[str, ...]
    mos: float | None
    mos_least: float | None
    loss: float | None
    lost: int | None
    jitter_ms: float | None
    rtt_ms: float | None
    reports: int


def series(store, call: str) -> list[Point]:
    """The points of a call in `store`, in the order of time. [] if nothing was told."""
    return points(store.messages(call), call)


def points(messages: Iterable[Message], call: str | None = None) -> list[Point]:
    """The same of messages; with call, a PUBLISH counts if its report is about that call."""
    found = [point for message in messages for point in _of(message, call)]
    return sorted(found, key=lambda point: point.time_us)


def summary(found: Iterable[Point]) -> list[Quality]:
    """One Quality a stream, in the order in which they were first told of.

    A final report counts before the many that led to it: then MOS and loss are its.
    """
    streams: dict[str, list[Point]] = {}
    for point in found:
        streams.setdefault(point.stream, []).append(point)
    return [_quality(stream, of) for stream, of in streams.items()]


def _quality(stream: str, of: list[Point]) -> Quality:
    final = [point for point in of if point.final] or of
    scores = _told(final, "mos") or _told(of, "mos")
    return Quality(
        stream=stream,
        agents=tuple(dict.fromkeys(point.agent for point in of)),
        mos=round(sum(scores) / len(scores), 2) if scores else None,
        mos_least=min(_told(of, "mos"), default=None),
        loss=max(_told(final, "loss") or _told(of, "loss"), default=None),
        lost=max(_told(of, "lost"), default=None),
        jitter_ms=max(_told(of, "jitter_ms"), default=None),
        rtt_ms=max(_told(of, "rtt_ms"), default=None),
        reports=len(of),
    )


def _told(of: list[Point], name: str) -> list:
    return [value for point in of if (value := getattr(point, name)) is not None]


def _of(message: Message, call: str | None) -> Iterator[Point]:
    if message.type == SIP:
        if message.method == "PUBLISH" and not message.status:
            body = message.packet.payload[message.text.body :]
            yield from _vq(message, body, call)
    elif message.type == _RTCP:
        yield from _rtcp(message)
    elif message.type in _JSON:
        yield from _report(message)
    elif message.type == _SHORT:
        if message.packet.payload:
            yield from _vq(message, message.packet.payload, None)
        elif message.packet.mos:
            yield Point(
                message.stamp_us, _stream(message), message.agent, "report", _score(message)
            )


def _rtcp(message: Message) -> Iterator[Point]:
    """The sender's judgement of what it hears from the other end."""
    content = json_object(message.packet.payload)
    stream = f"{_media(message.dst, message.dport)} → {_media(message.src, message.sport)}"
    blocks = content.get("report_blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, dict):
            continue
        yield Point(
            message.stamp_us,
            stream,
            message.agent,
            "rtcp",
            mos=_score(message),
            loss=_rounded(percent(block.get("fraction_lost"), 256)),
            jitter_ms=_rounded(milliseconds(block.get("ia_jitter"), CLOCK_HZ)),
            lost=packets(block.get("packets_lost")),
        )
    extended = content.get("report_blocks_xr")
    if isinstance(extended, dict):
        tenths = number(extended.get("mos_cq"))
        yield Point(
            message.stamp_us,
            stream,
            message.agent,
            "xr",
            mos=None if tenths is None else score(tenths / 10),
            loss=_rounded(percent(extended.get("fraction_lost"), 256)),
            rtt_ms=milliseconds(extended.get("round_trip_delay")) or None,
        )


def _report(message: Message) -> Iterator[Point]:
    content = json_object(message.packet.payload)
    yield Point(
        message.stamp_us,
        _told_stream(content) or _stream(message),
        message.agent,
        "report",
        mos=score(content.get("MOS"), hundredths=True)
        or score(content.get("MEAN_MOS"), hundredths=True)
        or _score(message),
        loss=_rounded(percent(content.get("PACKET_LOSS"), content.get("EXPECTED_PK"))),
        jitter_ms=milliseconds(content.get("JITTER")),
        rtt_ms=milliseconds(content.get("RTT")),
        lost=packets(content.get("PACKET_LOSS")),
        final=content.get("TYPE") in ("FINAL", "HANGUP"),
    )


def _told_stream(content: dict) -> str | None:
    ends = [
        (content.get(f"{end}_IP"), number(content.get(f"{end}_PORT"))) for end in ("SRC", "DST")
    ]
    if all(isinstance(host, str) and host and port for host, port in ends):
        return " → ".join(printable(endpoint(host, int(port))) for host, port in ends)
    return None


def _vq(message: Message, body: bytes, call: str | None) -> Iterator[Point]:
    try:
        report = vqreport.parse(body)
    except ValueError:
        return
    if call is not None and printable(report.call_id or "") != call:
        return
    here, there = (endpoint(*report.address(side)[:2]) for side in ("Local", "Remote"))
    for remote, stream in (False, f"{there} → {here}"), (True, f"{here} → {there}"):
        if not (report.remote if remote else report.local):
            continue
        yield Point(
            message.stamp_us,
            printable(stream),
            message.agent,
            "vq",
            mos=score(report.number("MOSCQ", remote)) or score(report.number("MOSLQ", remote)),
            loss=percent(report.number("NLR", remote), 100),
            jitter_ms=milliseconds(report.number("IAJ", remote)),
            rtt_ms=milliseconds(report.number("RTD", remote)),
            final=report.kind == "session",
        )


def _score(message: Message) -> float | None:
    """MOS of chunk 0x20, which is x100."""
    mos = message.packet.mos
    return score(mos / 100) if mos else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _stream(message: Message) -> str:
    return f"{message.source} → {message.target}"


def _media(host: str, port: int) -> str:
    """The address of RTP, by that of RTCP: the even port below, unless the two share one."""
    return endpoint(host, port & ~1)
