"""Draw a call as a ladder: a column a participant, an arrow a message, time downwards."""

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from uhep_tools.arrows import Arrow, Scene, scene
from uhep_tools.calls import Call
from uhep_tools.chunks import SIP
from uhep_tools.message import Message
from uhep_tools.notes import note
from uhep_tools.text import count, date, span

WIDTH = 96
_GUTTER = 18  # columns for time and gap
_EDGE = 9  # columns from the gutter to the first lifeline, and from the last to the margin
_NARROWEST = 18  # columns from a lifeline to the next
_PAUSE_US = 1_000_000  # a gap from which on the lifelines are shown broken

_DIM = "bright_black"
_REQUESTS = {"INVITE": "bold cyan", "ACK": "cyan", "BYE": "bold magenta", "CANCEL": "magenta"}
_RESPONSES = {"1": "yellow", "2": "bold green", "3": "blue"}
_STATES = {"calling": "yellow", "ringing": "yellow", "in call": "bold green", "waiting": "yellow"}


def draw(
    call: Call, messages: list[Message], width: int = WIDTH, chosen: int | None = None
) -> Text:
    """The ladder of a call, from what Store.messages gives; no line is wider than width.

    chosen: the number of an arrow that is to stand out, from 0.
    When the participants do not fit side by side, each message names both its ends instead.
    Returns a rich Text of several lines; its `plain` is the picture without colour.
    """
    picture = scene(messages)
    rungs = _Rungs(picture, width)
    lines = [*_title(call), Text(), *rungs.head()]
    start = previous = picture.arrows[0].message.stamp_us if picture.arrows else 0
    for number, arrow in enumerate(picture.arrows):
        stamp = arrow.message.stamp_us
        if stamp - previous >= _PAUSE_US:
            lines.append(rungs.blank("┊").text())
        line = rungs.arrow(arrow, stamp - start, stamp - previous)
        if number == chosen:
            line.stylize("reverse")
        lines.append(line)
        previous = stamp
    lines += [*rungs.foot(), Text(), *_legend(picture, messages)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines)


def state_style(state: str) -> str:
    """The colour of a Call's state."""
    if state[:1].isdigit():
        return _RESPONSES.get(state[0], "bold red")
    return _STATES.get(state, "default")


def _title(call: Call) -> list[Text]:
    first = Text(f"{call.from_user or '?'} → {call.to_user or '?'}", "bold")
    first.append("   ").append(call.state, state_style(call.state))
    duration = call.duration_us(call.end_us)
    if duration is not None:
        first.append(f" {span(duration)}", "not bold")
    first.append(f"   {date(call.start_us)}", "not bold")
    return [first, Text(f"Call-ID {call.call}", _DIM)]


def _legend(picture: Scene, messages: list[Message]) -> list[Text]:
    again = sum(arrow.again > 0 for arrow in picture.arrows)
    others = sum(arrow.message.type != SIP for arrow in picture.arrows)
    said = [count(len(picture.arrows) - others, "SIP message")]
    if again:
        said.append(f"↻ {count(again, 'retransmission')}")
    if others:
        said.append(f"◇ {count(others, 'other packet')}")
    nodes = dict.fromkeys((message.node_name, message.node_id) for message in messages)
    names = (f"{name} (node {node})" if name else f"node {node}" for name, node in nodes)
    where = "at ● by" if picture.seats else "by"
    return [Text(", ".join(said)), Text(f"Captured {where} {', '.join(names)}")]


class _Row:
    """One line of the picture, as cells that can be written to in any order."""

    def __init__(self, width: int):
        self.cells = [(" ", "")] * width

    def put(self, x: int, text: str, style: str = "") -> None:
        for char in text:
            size = cell_len(char)
            if x + size > len(self.cells):
                return
            if size == 0:
                continue
            self.cells[x : x + size] = [(char, style)] + [("", "")] * (size - 1)
            x += size

    def text(self) -> Text:
        line = Text.assemble(*self.cells)
        line.rstrip()
        return line


class _Rungs:
    """Where the lifelines are, and each kind of line drawn between them."""

    def __init__(self, picture: Scene, width: int):
        self.width = width
        self.seats = picture.seats
        self.agents = {agent for arrow in picture.arrows for agent in arrow.agents}
        self.places: dict[str, int] = {}  # participant -> column of its lifeline
        gaps = max(1, len(picture.participants) - 1)
        step = (width - _GUTTER - 2 * _EDGE) // gaps
        if step >= _NARROWEST:
            first = _GUTTER + _EDGE
            self.places = {end: first + i * step for i, end in enumerate(picture.participants)}

    def blank(self, lifeline: str = "│") -> _Row:
        row = _Row(self.width)
        for x in self.places.values():
            row.put(x, lifeline, _DIM)
        return row

    def head(self) -> list[Text]:
        names, addresses = _Row(self.width), _Row(self.width)
        names.put(4, "time      gap", _DIM)
        devices = {end: agent for agent, end in self.seats.items()}
        xs = list(self.places.values())
        room = min((b - a for a, b in zip(xs, xs[1:], strict=False)), default=self.width // 2) - 2
        for end, x in self.places.items():
            for row, text, style in (
                (names, devices.get(end, ""), "bold"),
                (addresses, end, "default"),
            ):
                text = _cut(text, room)
                size = cell_len(text)
                at = min(max(x - size // 2, _GUTTER), self.width - size)
                row.put(at, text, style)
        return [names.text(), addresses.text(), *self.foot("┬")]

    def foot(self, lifeline: str = "┴") -> list[Text]:
        return [self.blank(lifeline).text()] if self.places else []

    def arrow(self, arrow: Arrow, since_start: int, gap: int) -> Text:
        """The line of one arrow; since_start, gap: microseconds."""
        row = self.blank()
        row.put(0, _since(since_start))
        told = f"{'+' + span(gap):>9}" if gap else ""
        row.put(9, told, "yellow" if gap >= 500_000 else _DIM)
        free = max(_GUTTER, 9 + len(told)) + 1
        if arrow.message.type != SIP:
            self._note(row, arrow, free)
        elif self.places:
            self._between(row, arrow)
        else:
            ends = f"{arrow.message.source} → {arrow.message.target}  "
            row.put(free, ends, _DIM)
            row.put(free + cell_len(ends), _label(arrow, self.width), _style(arrow))
        return row.text()

    def _between(self, row: _Row, arrow: Arrow) -> None:
        source, target = self.places[arrow.message.source], self.places[arrow.message.target]
        left, right = min(source, target), max(source, target)
        style = _style(arrow)
        if left == right:
            row.put(left + 2, f"↺ {_label(arrow, self.width)}", style)
        else:
            plain = style.removeprefix("bold ")
            for x in range(left + 1, right):
                crossed = x in self.places.values()
                row.put(x, "┼" if crossed else "╌" if arrow.again else "─", plain)
            label = f" {_label(arrow, right - left - 7)} "
            row.put((left + right + 1 - cell_len(label)) // 2, label, style)
            row.put(*((right - 1, "►") if source < target else (left + 1, "◄")), style)
        for agent in arrow.agents:
            if agent in self.seats:
                row.put(self.places[self.seats[agent]], "●", "default")
        seatless = [
            agent.removeprefix("node ") for agent in arrow.agents if agent not in self.seats
        ]
        if seatless and len(self.agents) > 1:
            at = max(self.places.values()) + 2
            row.put(at, _cut(",".join(seatless), self.width - at), _DIM)

    def _note(self, row: _Row, arrow: Arrow, free: int) -> None:
        """Beside the lifeline of the device that tells it, or with its name from `free` on."""
        seats = [self.places.get(self.seats.get(agent, "")) for agent in arrow.agents]
        known = [x for x in seats if x is not None]
        xs = list(self.places.values()) or [free - 2]
        x = known[0] if known else xs[0]
        who = "" if known else f"{', '.join(arrow.agents)}: "
        text = f"◇ {who}{note(arrow.message.packet)}"
        if len(xs) > 1 and x == xs[-1]:
            text = _cut(text, x - xs[-2] - 4)
            row.put(x - 2 - cell_len(text), text, "blue")
        else:
            row.put(x + 2, _cut(text, (xs[-1] if len(xs) > 1 else self.width) - x - 4), "blue")


def _since(us: int) -> str:
    """Seconds, or days where they would not fit, in 9 columns."""
    seconds = us / 1_000_000
    return f"{seconds:8.3f}" if seconds < 99_999.999 else f"{seconds / 86400:7.1f} d"


def _style(arrow: Arrow) -> str:
    message = arrow.message
    if message.status:
        return _RESPONSES.get(str(message.status)[0], "bold red")
    return _REQUESTS.get(message.method or "", "default")


def _label(arrow: Arrow, size: int) -> str:
    """The words on an arrow: the fullest that fit, which say less of the CSeq if they must."""
    message = arrow.message
    again = "↻ " if arrow.again else ""
    sdp = " + SDP" if message.text.content_type.startswith("application/sdp") else ""
    cseqs = [""] if message.cseq is None else [f" ({message.cseq})", ""]
    if message.status and message.cseq is not None:
        cseqs.insert(0, f" ({message.cseq} {message.method})")
    labels = [f"{again}{message.label}{cseq}{sdp}" for cseq in cseqs]
    return next((label for label in labels if cell_len(label) <= size), _cut(labels[-1], size))


def _cut(text: str, size: int) -> str:
    """The text in at most so many columns of the terminal."""
    return text if cell_len(text) <= size else set_cell_size(text, max(0, size - 1)) + "…"
