"""What captured packets say of how calls sounded: MOS, loss and jitter over time.

    from uhep_tools import quality

    for point in quality.series(store, "3848276298220188511@192.0.2.10"):
        print(point.time_us, point.stream, point.mos, point.loss, point.jitter_ms)
    quality.summary(points)  # one Quality for each stream, for a table

Everything is read from the packets of the call: RTCP (type 5), reports (types 32, 34, 38), MOS
chunks, and RFC 6035 bodies, alone (type 35) or in a PUBLISH. Nothing is estimated here: a value
that no packet told is None.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from uhep_tools import vqreport
from uhep_tools.chunks import SIP
from uhep_tools.figures import number
from uhep_tools.message import Message
from uhep_tools.text import endpoint, printable

_RTCP = 5
_JSON = (32, 34, 38)
_SHORT = 35
_CLOCK = 8000  # of the codecs that a report does not name: G.711, G.722, G.729


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
    content = _object(message.packet.payload)
    stream = f"{_media(message.dst, message.dport)} → {_media(message.src, message.sport)}"
    blocks = content.get("report_blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, dict):
            continue
        fraction, jitter = number(block.get("fraction_lost")), number(block.get("ia_jitter"))
        lost = number(block.get("packets_lost"))
        yield Point(
            message.stamp_us,
            stream,
            message.agent,
            "rtcp",
            mos=_score(message),
            loss=None if fraction is None else round(fraction * 100 / 256, 2),
            jitter_ms=None if jitter is None else round(jitter * 1000 / _CLOCK, 2),
            lost=None if lost is None or lost > 0x7FFFFF else int(lost),  # less than none
        )
    extended = content.get("report_blocks_xr")
    if isinstance(extended, dict):
        fraction, score = number(extended.get("fraction_lost")), number(extended.get("mos_cq"))
        yield Point(
            message.stamp_us,
            stream,
            message.agent,
            "xr",
            mos=None if score is None else score / 10,
            loss=None if fraction is None else round(fraction * 100 / 256, 2),
            rtt_ms=number(extended.get("round_trip_delay")) or None,
        )


def _report(message: Message) -> Iterator[Point]:
    content = _object(message.packet.payload)
    expected, lost = number(content.get("EXPECTED_PK")), number(content.get("PACKET_LOSS"))
    score = number(content.get("MOS")) or number(content.get("MEAN_MOS"))
    if score is not None and score > 5:  # in hundredths, some write
        score /= 100
    yield Point(
        message.stamp_us,
        _told_stream(content) or _stream(message),
        message.agent,
        "report",
        mos=score or _score(message),
        loss=round(lost * 100 / expected, 2) if expected and lost is not None else None,
        jitter_ms=number(content.get("JITTER")),
        rtt_ms=number(content.get("RTT")),
        lost=None if lost is None else int(lost),
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
            mos=report.number("MOSCQ", remote) or report.number("MOSLQ", remote),
            loss=report.number("NLR", remote),
            jitter_ms=report.number("IAJ", remote),
            rtt_ms=report.number("RTD", remote),
            final=report.kind == "session",
        )


def _score(message: Message) -> float | None:
    """MOS of chunk 0x20."""
    score = message.packet.mos
    return score / 100 if score else None


def _stream(message: Message) -> str:
    return f"{message.source} → {message.target}"


def _media(host: str, port: int) -> str:
    """The address of RTP, by that of RTCP: the even port below, unless the two share one."""
    return endpoint(host, port & ~1)


def _object(payload: bytes) -> dict:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
