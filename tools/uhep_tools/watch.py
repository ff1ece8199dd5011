"""The live list and the ladder in a terminal, for those on ssh: `uhep watch`."""

import time
from pathlib import Path

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from uhep_tools import ladder
from uhep_tools.arrows import DRAWN, LOOKED_AT, fewer, scene
from uhep_tools.calls import Call
from uhep_tools.database import StoreError
from uhep_tools.ladder import state_style
from uhep_tools.message import Message
from uhep_tools.queries import Filter, Reader
from uhep_tools.text import clock, count, date, printable, span

_LOOK_S = 0.5
_CALLS = 200
_COLUMNS = ("start", "method", "from", "to", "state", "lasted", "MOS", "msgs", "agents", "Call-ID")


class Watch(App):
    """The calls of a database while a server writes it."""

    TITLE = "uhep watch"
    CSS = """
    Input { height: 3; border: round $primary; }
    DataTable { height: 1fr; }
    #head, #state { height: 1; padding: 0 1; }
    #ladder { height: 2fr; padding: 0 1; }
    #message { height: 1fr; border-top: solid $primary; padding: 0 1; }
    """
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, path: Path):
        """Raises StoreError if there is no such database."""
        super().__init__()
        self.reader = Reader(path)

    def on_mount(self) -> None:
        self.push_screen(Calls(self.reader))

    def on_unmount(self) -> None:
        self.reader.__exit__()


class Calls(Screen):
    """The list, newest first; what is typed after / is looked for in all messages."""

    BINDINGS = [
        Binding("slash", "search", "search"),
        Binding("j", "down", "down", show=False),
        Binding("k", "up", "up", show=False),
        Binding("escape", "clear", "all calls", show=False),
        Binding("q", "app.quit", "quit"),
    ]

    def __init__(self, reader: Reader):
        super().__init__()
        self._reader = reader
        self._known: tuple | None = None
        self._shown: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        search = Input(placeholder='search all messages: number, header, Call-ID, "exact words"')
        search.display = False
        yield search
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name in _COLUMNS:
            table.add_column(name, key=name)
        table.focus()
        self.refresh_calls()
        self.set_interval(_LOOK_S, self.refresh_calls)

    def refresh_calls(self) -> None:
        search = self.query_one(Input).value
        try:
            last = self._reader.last_id()
            calls = self._reader.calls(_CALLS, only=Filter(search=search))
        except (StoreError, OSError) as error:
            self.query_one("#head", Static).update(Text(str(error), "bold red"))
            return
        now = (last, search)
        live = any(call.state in ("calling", "ringing", "in call") for call in calls)
        if now == self._known and not live:
            return
        self._known = now
        where = Text.assemble(("uhep watch", "bold"), f"   {self._reader.path}   ")
        where.append(
            f"{count(len(calls), 'call')}" + (f" with {printable(search)}" if search else "")
        )
        self.query_one("#head", Static).update(where)
        self._fill(calls)

    def _fill(self, calls: list[Call]) -> None:
        table = self.query_one(DataTable)
        chosen = self._shown[table.cursor_row] if table.cursor_row < len(self._shown) else None
        at_top = table.cursor_row == 0
        table.clear()
        now_us = time.time_ns() // 1000
        for call in calls:
            table.add_row(*_cells(call, now_us))
        self._shown = [call.call for call in calls]
        if chosen in self._shown and not at_top:
            table.move_cursor(row=self._shown.index(chosen), animate=False)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        if event.cursor_row < len(self._shown):
            self.app.push_screen(OneCall(self._reader, self._shown[event.cursor_row]))

    def action_search(self) -> None:
        search = self.query_one(Input)
        search.display = True
        search.focus()

    def action_clear(self) -> None:
        search = self.query_one(Input)
        search.value = ""
        search.display = False
        self.query_one(DataTable).focus()
        self.refresh_calls()

    def on_input_changed(self) -> None:
        self.refresh_calls()

    def on_input_submitted(self) -> None:
        self.query_one(DataTable).focus()

    def action_down(self) -> None:
        self.query_one(DataTable).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(DataTable).action_cursor_up()


class OneCall(Screen):
    """A ladder, and below it the message that is chosen."""

    BINDINGS = [
        Binding("j,down", "step(1)", "next message"),
        Binding("k,up", "step(-1)", "previous"),
        Binding("escape,backspace", "app.pop_screen", "back"),
        Binding("q", "app.quit", "quit"),
    ]

    def __init__(self, reader: Reader, call: str):
        super().__init__()
        self._reader = reader
        self._call = call
        self._found: Call | None = None
        self._messages: list[Message] = []
        self._first: list[Message] = []  # of each arrow
        self._chosen = 0
        self._last = 0

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="ladder"):
            yield Static(id="picture")
        with VerticalScroll(id="message"):
            yield Static(id="text")
        yield Footer()

    def on_mount(self) -> None:
        self.look()
        self.set_interval(_LOOK_S, self.look)

    def on_resize(self) -> None:
        self._last = 0
        self.look()

    def look(self) -> None:
        found = self._reader.call(self._call)
        if found is None or found.last_id == self._last:
            return
        self._last = found.last_id
        self._messages = fewer(self._reader.ends(self._call, LOOKED_AT), DRAWN)
        self._first = [arrow.message for arrow in scene(self._messages).arrows]
        self._found = found
        self._draw()

    def action_step(self, step: int) -> None:
        self._chosen = max(0, min(len(self._first) - 1, self._chosen + step))
        self._draw()
        share = self._chosen / max(1, len(self._first) - 1)
        scroll = self.query_one("#ladder", VerticalScroll)
        scroll.scroll_to(y=share * scroll.max_scroll_y, animate=False)

    def _draw(self) -> None:
        width = max(40, min(self.size.width - 4, ladder.WIDTH))
        picture = ladder.draw(self._found, self._messages, width, self._chosen)
        self.query_one("#picture", Static).update(picture)
        self._show()

    def _show(self) -> None:
        if not self._first:
            return
        entry = self._first[min(self._chosen, len(self._first) - 1)]
        text = Text.assemble(
            (f"{self._chosen + 1} of {len(self._first)}  ", "bright_black"),
            (entry.label, "bold"),
            f"  {entry.source} → {entry.target}  {date(entry.stamp_us)}  {entry.agent}\n",
        )
        for line in entry.packet.payload.decode("utf-8", "backslashreplace").splitlines():
            name, colon, value = printable(line).partition(":")
            text.append("\n").append(name, "blue" if colon else "").append(colon + value)
        self.query_one("#text", Static).update(text)


def _cells(call: Call, now_us: int) -> list[Text | str]:
    lasted = call.duration_us(now_us)
    mos = "" if call.mos is None else f"{call.mos / 100:.2f}"
    poor = call.mos is not None and call.mos < 360
    # Text, never str: what came from the network is no markup.
    return [
        clock(call.start_us, now_us),
        Text(call.method or "-"),
        Text(call.from_user[:30]),
        Text(call.to_user[:30]),
        Text(call.state[:24], state_style(call.state)),
        Text("" if lasted is None else span(lasted), justify="right"),
        Text(mos, "bold red" if poor else "green", justify="right"),
        Text(str(call.messages), justify="right"),
        Text(", ".join(call.agents)[:30]),
        Text(call.call[:60], "bright_black"),
    ]
