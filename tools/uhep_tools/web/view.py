"""What all pages share: templates, what the server says of itself, failures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from uhep_tools.chunks import PAYLOAD_TYPES
from uhep_tools.database import StoreError
from uhep_tools.text import clock, count, date, printable, span

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass
class Serving:
    """What the server beside the page has to say.

    now(): its numbers, a dict of counters by name that changes when anything happened.
    trouble(): sentences on what a person should do something about. where(): the address that
    devices send to. closing: it ends.
    """

    now: Callable[[], dict[str, int]] = lambda: {}
    trouble: Callable[[], list[str]] = lambda: []
    where: Callable[[], str] = lambda: ""
    closing: bool = field(default=False)


def state_class(state: str) -> str:
    """Of a call's state: live, ended, failed, cancelled, done."""
    if state[:1] in "3456" and state[:1]:
        return "failed"
    if state[:1] == "2":
        return "done"
    if state in ("calling", "ringing", "in call", "waiting"):
        return "live"
    return "cancelled" if state == "cancelled" else "ended" if state == "ended" else "none"


def mos_class(mos: int) -> str:
    """Of hundredths: good from 4.0, fair from 3.6, else poor (users satisfied, G.107 annex B)."""
    return "good" if mos >= 400 else "fair" if mos >= 360 else "poor"


_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals |= {
    "clock": clock,
    "count": count,
    "date": date,
    "span": span,
    "state_class": state_class,
    "mos_class": mos_class,
    "call_url": lambda call: f"/call?id={quote(call, safe='')}",
    "quote": lambda text: quote(str(text), safe=""),
    "kind_name": lambda kind: PAYLOAD_TYPES.get(kind, f"type {kind}"),
}
_environment.filters["printable"] = printable


def show(request: Request, template: str, status_code: int = 200, **values) -> HTMLResponse:
    """The page, or with ?part=1 only what of it changes."""
    status: Serving = request.app.state.status
    if request.query_params.get("part"):
        template = f"part_{template}"
    page = _environment.get_template(template)
    values |= {"path": request.url.path, "numbers": status.now(), "trouble": status.trouble()}
    values |= {"where": status.where()}
    return HTMLResponse(page.render(**values), status_code)


def failure(request: Request, error: Exception) -> HTMLResponse:
    """A page that says what is wrong."""
    if isinstance(error, HTTPException):
        code, text = error.status_code, error.detail
    elif isinstance(error, StoreError):
        code, text = 503, str(error)
    else:
        code, text = 500, "The page could not be made. That is a fault of uhep."
    if request.query_params.get("part"):
        page = '<p class="fault">{}</p>'
        return HTMLResponse(_environment.from_string("{{ text }}").render(text=text), code)
    page = _environment.get_template("error.html")
    return HTMLResponse(
        page.render(code=code, text=text, path="", numbers={}, trouble=[], where=""), code
    )
