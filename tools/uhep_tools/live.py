"""What `uhep serve` shows while it runs: a live screen, or lines where there is no terminal."""

import time
from collections import Counter, OrderedDict
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from uhep_tools.server import Server
from uhep_tools.sockets import reached_at
from uhep_tools.text import count, date, endpoint, printable, span
from uhep_tools.views import calls_table, reject_line, status_line
from uhep_tools.web.view import Serving

_REJECTS_SHOWN = 4
_STATUSES_SHOWN = 4
_CALLS_REMEMBERED = 10_000


class Screen:
    """The whole terminal, drawn anew at each update."""

    def __init__(self, server: Server, console: Console, notes: Sequence[str] = ()):
        """notes: lines to show beside what the server knows."""
        self._server = server
        self._console = console
        self._notes = notes
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
        now_us = time.time_ns() // 1000
        where = _target(server)
        up = span(int((time.monotonic() - self._started) * 1_000_000))
        head = Text.assemble(
            ("uhep serve", "bold"), f"   {_ports(server)}   {store.path}   {up}   Ctrl-C ends"
        )
        top = [head, *map(Text, self._notes), Text(counters(server))]
        top += [Text(line, "bold red") for line in trouble(server)] + [Rule(style="dim")]
        bottom = [Rule("agents", align="left", style="dim"), _agents(server)]
        bottom += [status_line(*found, now_us) for found in store.statuses()[:_STATUSES_SHOWN]]
        if rejects := store.rejects(_REJECTS_SHOWN):
            bottom.append(Rule("last rejects", align="left", style="dim"))
            bottom += [reject_line(reject, now_us) for reject in rejects]
        room = max(2, console.height - len(top) - len(bottom))
        if calls := store.calls(room - 1):
            middle = calls_table(calls, now_us, console.width)
        else:
            middle = Text(f'No call yet. Point a device here: "capture_address": "{where}"')
        space = Text("\n" * (room - 2 - len(calls))) if room - 1 > len(calls) else Text(end="")
        for line in (*top, *bottom):
            if isinstance(line, Text):
                line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*top, middle, space, *bottom)


class Lines:
    """One line a call event on a console that may be a file or a pipe."""

    def __init__(self, server: Server, console: Console, notes: Sequence[str] = ()):
        """notes: lines to print first; what is in the list when it is entered."""
        self._server = server
        self._console = console
        self._notes = notes
        self._after = server.store.last_id()
        self._told: OrderedDict[str, set] = OrderedDict()  # Call-ID -> events that were printed
        self._rejected = 0
        self._troubles: dict[str, str] = {}  # kind -> the sentence that was printed
        self._statuses = self._after  # the id of the last status line that was seen

    def __enter__(self) -> "Lines":
        self._print(f"listening on {_ports(self._server)}, into {self._server.store.path}")
        for note in self._notes:
            self._print(note)
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
        self._tell_statuses()
        self._tell_rejects()
        self._tell_troubles()

    def _tell_statuses(self) -> None:
        """What devices say of themselves, but for what they say every minute."""
        for message, status in reversed(self._server.store.statuses(after=self._statuses)):
            self._statuses = message.id
            if status.why != "time" or status.gap or status.word("failure"):
                said = printable(str(status))
                self._print(f"{date(message.stamp_us)}  status  {message.agent}  {said}")

    def _tell_rejects(self) -> None:
        seen = self._server.counters
        total = seen.rejected.total() + seen.tls_failed.total()
        new, self._rejected = total - self._rejected, total
        for reject in reversed(self._server.store.rejects(min(new, _REJECTS_SHOWN))):
            text = f"rejected  {reject.name} at offset {reject.offset}: {reject.sentence}"
            self._print(f"{date(reject.received_us)}  {text}  {reject.peer}")
        if new > _REJECTS_SHOWN:
            self._print(f"and {count(new - _REJECTS_SHOWN, 'more reject')}")

    def _tell_troubles(self) -> None:
        """Each kind when it begins and when it is over; its numbers are told at the end."""
        known, now = self._troubles, _troubles(self._server)
        new = [("trouble", sentence) for kind, sentence in now.items() if kind not in known]
        new += [("over", sentence) for kind, sentence in known.items() if kind not in now]
        for word, sentence in new:
            self._print(f"{date(time.time_ns() // 1000)}  {word:<7}  {sentence}")
        self._troubles = now

    def _print(self, line: str) -> None:
        self._console.out(line)


def _ports(server: Server) -> str:
    where = f"{endpoint(server.host, server.port)} UDP and TCP"
    return where if server.tls_port is None else f"{where}, {server.tls_port} TLS"


def _target(server: Server) -> str:
    """What a device's capture_address should be."""
    return endpoint(reached_at(server.host), server.port)


def counters(server: Server) -> str:
    """What came and what became of it, in one line."""
    seen, store = server.counters, server.store
    rejected = f"{seen.rejected.total():,} rejected" + _reasons(seen.rejected)
    parts = [f"{seen.received:,} received", f"{store.written:,} stored", rejected]
    if seen.connections:
        parts.append(f"{count(seen.connections, 'connection')}, {seen.open} open")
    if seen.tls_failed:
        parts.append(f"{seen.tls_failed.total():,} without TLS" + _reasons(seen.tls_failed))
    return "   ".join(parts)


def status_of(server: Server) -> Serving:
    """The same for the page."""
    seen, store = server.counters, server.store

    def now() -> dict[str, int]:
        return {
            "received": seen.received,
            "stored": store.written,
            "rejected": seen.rejected.total() + seen.tls_failed.total(),
            "lost": store.lost,
            "faults": len(trouble(server)),
        }

    return Serving(now, lambda: trouble(server), lambda: _target(server))


def _reasons(numbers: Counter[str]) -> str:
    most = ", ".join(f"{number} {name}" for name, number in numbers.most_common(5))
    return f" ({most})" if most else ""


def trouble(server: Server) -> list[str]:
    """What the person in front of the screen should do something about."""
    return list(_troubles(server).values())


def _troubles(server: Server) -> dict[str, str]:
    """The same by kind, which stays while the number in the sentence grows."""
    seen, store = server.counters, server.store
    found = {store.fault: store.fault} if store.fault else {}
    if store.lost:
        found["lost"] = f"{count(store.lost, 'packet')} lost: the database could not be written"
    if server.kernel_drops:
        dropped = count(server.kernel_drops, "datagram")
        late = "they came faster than they were stored"
        found["dropped"] = f"{dropped} dropped by the kernel: {late}"
    if seen.refused:
        found["refused"] = f"{count(seen.refused, 'connection')} refused: too many are open"
    return found


def _agents(server: Server) -> Text:
    agents = sorted(server.store.agents(), key=lambda agent: -agent.last_us)
    names = (
        f"{agent.node_name or 'node'} {agent.node_id}: {count(agent.packets, 'packet')}"
        for agent in agents
    )
    return Text("   ".join(names) or "none yet")
