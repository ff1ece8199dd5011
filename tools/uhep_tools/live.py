"""What `uhep serve` shows while it runs: a live screen, or lines where there is no terminal."""

import time
from collections import OrderedDict

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from uhep_tools.server import Server
from uhep_tools.text import count, date, endpoint, span
from uhep_tools.views import calls_table, reject_line

_REJECTS_SHOWN = 4
_CALLS_REMEMBERED = 10_000


class Screen:
    """The whole terminal, drawn anew at each update."""

    def __init__(self, server: Server, console: Console):
        self._server = server
        self._console = console
        self._started = time.monotonic()
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> "Screen":
        self._live.start()
        self.update()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def update(self) -> None:
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> RenderableType:
        server, store, console = self._server, self._server.store, self._console
        where = endpoint(server.host, server.port)
        up = span(int((time.monotonic() - self._started) * 1_000_000))
        head = Text.assemble(
            ("uhep serve", "bold"), f"   {where} UDP and TCP   {store.path}   {up}   Ctrl-C ends"
        )
        top = [head, Text(counters(server))]
        top += [Text(line, "bold red") for line in trouble(server)] + [Rule(style="dim")]
        bottom = [Rule("agents", align="left", style="dim"), _agents(server)]
        if rejects := store.rejects(_REJECTS_SHOWN):
            bottom.append(Rule("last rejects", align="left", style="dim"))
            bottom += map(reject_line, rejects)
        room = max(2, console.height - len(top) - len(bottom))
        if calls := store.calls(room - 1):
            middle = calls_table(calls, time.time_ns() // 1000, console.width)
        else:
            middle = Text(f'No call yet. Point a device here: "capture_address": "{where}"')
        space = Text("\n" * (room - 2 - len(calls))) if room - 1 > len(calls) else Text(end="")
        for line in (*top, *bottom):
            if isinstance(line, Text):
                line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*top, middle, space, *bottom)


class Lines:
    """One line a call event on a console that may be a file or a pipe."""

    def __init__(self, server: Server, console: Console):
        self._server = server
        self._console = console
        self._after = server.store.last_id()
        self._told: OrderedDict[str, set] = OrderedDict()  # Call-ID -> events that were printed
        self._rejected = 0

    def __enter__(self) -> "Lines":
        where = endpoint(self._server.host, self._server.port)
        self._print(f"listening on {where}, UDP and TCP, into {self._server.store.path}")
        return self

    def __exit__(self, *exc: object) -> None:
        self.update()

    def update(self) -> None:
        store = self._server.store
        lines = []
        for call in store.calls(limit=-1, after=self._after):
            self._after = max(self._after, call.last_id)
            told = self._told.setdefault(call.call, set())
            for stamp, event in call.events():
                # A call is answered once, whichever agent's stamp says when; a registration
                # may succeed every hour.
                key = event if call.method == "INVITE" else (stamp, event)
                if key not in told:
                    told.add(key)
                    who = f"{call.method} {call.from_user} → {call.to_user}"
                    by = ", ".join(call.agents)
                    lines.append(
                        (stamp, f"{date(stamp)}  {event:<10}  {who}  {call.call}  ({by})")
                    )
        while len(self._told) > _CALLS_REMEMBERED:
            self._told.popitem(last=False)
        for _, line in sorted(lines):
            self._print(line)
        self._tell_rejects()

    def _tell_rejects(self) -> None:
        total = self._server.counters.rejected.total()
        new, self._rejected = total - self._rejected, total
        for reject in reversed(self._server.store.rejects(min(new, _REJECTS_SHOWN))):
            text = f"rejected  {reject.name} at offset {reject.offset}: {reject.sentence}"
            self._print(f"{date(reject.received_us)}  {text}  {reject.peer}")
        if new > _REJECTS_SHOWN:
            self._print(f"and {count(new - _REJECTS_SHOWN, 'more reject')}")

    def _print(self, line: str) -> None:
        self._console.out(line)


def counters(server: Server) -> str:
    """What came and what became of it, in one line."""
    seen, store = server.counters, server.store
    reasons = ", ".join(f"{number} {name}" for name, number in seen.rejected.most_common(5))
    rejected = f"{seen.rejected.total():,} rejected" + (f" ({reasons})" if reasons else "")
    parts = [f"{seen.received:,} received", f"{store.written:,} stored", rejected]
    if seen.connections:
        parts.append(f"{count(seen.connections, 'connection')}, {seen.open} open")
    return "   ".join(parts)


def trouble(server: Server) -> list[str]:
    """What the person in front of the screen should do something about."""
    seen, store = server.counters, server.store
    found = [store.fault] if store.fault else []
    if store.lost:
        found.append(f"{count(store.lost, 'packet')} lost: the database could not be written")
    if server.kernel_drops:
        dropped = count(server.kernel_drops, "datagram")
        found.append(f"{dropped} dropped by the kernel: they came faster than they were stored")
    if seen.refused:
        found.append(f"{count(seen.refused, 'connection')} refused: too many are open")
    return found


def _agents(server: Server) -> Text:
    agents = sorted(server.store.agents(), key=lambda agent: -agent.last_us)
    names = (
        f"{agent.node_name or 'node'} {agent.node_id}: {count(agent.packets, 'packet')}"
        for agent in agents
    )
    return Text("   ".join(names) or "none yet")
