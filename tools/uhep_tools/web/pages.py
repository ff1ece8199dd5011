"""The pages: each function reads the database and fills a template."""

import re
import time

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from uhep_tools import quality
from uhep_tools.arrows import DRAWN, LOOKED_AT, fewer, scene
from uhep_tools.queries import STATES, Filter, Reader
from uhep_tools.text import printable
from uhep_tools.web import plots
from uhep_tools.web.colours import payload_lines
from uhep_tools.web.health import healths, told
from uhep_tools.web.rungs import rungs
from uhep_tools.web.view import show

_CALLS = 100  # on one page
_LOGS = 200
_ANY = 1 << 30  # agents: one of all
_METHODS = ("INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE")
_MOS = (("4.0", 400), ("3.6", 360), ("3.1", 310))


def calls(request: Request) -> HTMLResponse:
    """The list; what is looked for stands in the address."""
    asked = {name: printable(value) for name, value in request.query_params.items()}
    only = Filter(
        search=asked.get("q", ""),
        state=asked.get("state", ""),
        method=asked.get("method", ""),
        user=asked.get("user", ""),
        agent=asked.get("agent", ""),
        mos_below=dict(_MOS).get(asked.get("mos", "")),
    )
    before = re.fullmatch(r"(\d{1,18})~(.*)", asked.get("before", ""), re.DOTALL)
    with Reader(request.app.state.path) as reader:
        found = reader.calls(
            _CALLS + 1, only=only, before=(int(before[1]), before[2]) if before else None
        )
        agents = sorted({one.node_name or f"node {one.node_id}" for one in reader.agents()})
    last = found[_CALLS - 1] if len(found) > _CALLS else None
    return show(
        request,
        "calls.html",
        calls=found[:_CALLS],
        older=f"{last.start_us}~{last.call}" if last else None,
        newest=before is None,
        only=only,
        mos=asked.get("mos", ""),
        filtered=only != Filter(),
        states=list(STATES),
        methods=_METHODS,
        limits=[name for name, _ in _MOS],
        agents=agents,
        now_us=time.time_ns() // 1000,
        query={name: value for name, value in asked.items() if name not in ("before", "part")},
    )


def call(request: Request) -> HTMLResponse:
    """One call: its ladder, its quality, its logs."""
    name = request.query_params.get("id", "")
    with Reader(request.app.state.path) as reader:
        found = reader.call(name)
        if found is None:
            raise HTTPException(404, f"There is no call with the Call-ID {name or '(none)'}.")
        messages = reader.ends(name, LOOKED_AT)
    drawn = fewer(messages, DRAWN)
    picture = scene(drawn)
    return show(
        request,
        "call.html",
        call=found,
        picture=picture,
        ladder=rungs(picture),
        cut=len(drawn) < len(messages),
        halved=len(messages) >= LOOKED_AT,
        plots=plots.of_call(messages, name),
        streams=quality.summary(quality.points(messages, name)),
        now_us=time.time_ns() // 1000,
    )


def message(request: Request) -> HTMLResponse:
    """One packet: its fields, and its payload in colours."""
    number = request.query_params.get("id", "")
    with Reader(request.app.state.path) as reader:
        found = reader.message(int(number)) if re.fullmatch(r"\d{1,15}", number) else None
        if found is None:
            text = "There is no such message; it may be older than what is kept."
            raise HTTPException(404, text)
        near = fewer(reader.ends(found.call, LOOKED_AT), DRAWN) if found.call else []
    also = [
        (other, other.stamp_us - found.stamp_us)
        for arrow in scene(near).arrows
        if found in arrow.captures
        for other in arrow.captures
        if other != found
    ]
    lines, redacted, cut = payload_lines(found)
    return show(
        request,
        "message.html",
        message=found,
        lines=lines,
        redacted=redacted,
        cut=cut,
        also=also,
    )


def agents(request: Request) -> HTMLResponse:
    """All devices, and how they are."""
    with Reader(request.app.state.path) as reader:
        found = healths(reader)
    return show(request, "agents.html", agents=found, now_us=time.time_ns() // 1000)


def agent(request: Request) -> HTMLResponse:
    """One device: what it told of itself."""
    node, name = request.query_params.get("node", ""), request.query_params.get("name", "")
    with Reader(request.app.state.path) as reader:
        found = [
            one for one in healths(reader, _ANY) if (str(one.node_id), one.name) == (node, name)
        ]
        if not found:
            raise HTTPException(404, "No such agent has sent anything.")
        lines = reader.logs(_LOGS, (found[0].node_id, name))
    return show(
        request,
        "agent.html",
        agent=found[0],
        lines=[(line, told(line)) for line in lines],
        plots=plots.of_status(lines),
        now_us=time.time_ns() // 1000,
    )


def logs(request: Request) -> HTMLResponse:
    """The last log lines of all devices."""
    before = request.query_params.get("before", "")
    number = int(before) if re.fullmatch(r"\d{1,15}", before) else 0
    with Reader(request.app.state.path) as reader:
        found = reader.logs(_LOGS + 1, before=number)
    older = found[_LOGS - 1].id if len(found) > _LOGS else None
    return show(request, "logs.html", lines=found[:_LOGS], older=older)


def rejects(request: Request) -> HTMLResponse:
    """What came and was no good packet."""
    with Reader(request.app.state.path) as reader:
        found = reader.rejects(_LOGS)
    return show(request, "rejects.html", rejects=found)
