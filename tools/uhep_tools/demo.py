"""The whole of uhep at once: two emulated devices call each other, a server keeps the call."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhep_tools.calls import Call
from uhep_tools.fleet import wait_all
from uhep_tools.message import Message
from uhep_tools.ports import free_pairs
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import HEAP, Device
from uhep_tools.store import Store
from uhep_tools.text import count, endpoint

_NODES = {"alice": 2001, "bob": 2002}  # name: capture_id; the first one calls
_TIMEOUT_S = 25.0  # for the call, beside what it talks; it takes some six seconds


@dataclass
class Side:
    """One device: what it counted itself (firmware/README.md), and what of it was stored."""

    name: str
    counts: dict[str, Any]
    stored_sent: int
    stored_received: int

    def problems(self) -> list[str]:
        """What is wrong with the capture of this device, a sentence each."""
        found = []
        for way in ("sent", "received"):
            crossed, stored = self.counts["sip"][way], getattr(self, f"stored_{way}")
            if crossed != stored:
                found.append(f"{self.name} {way} {count(crossed, 'message')}, {stored} stored")
        if not self.counts["calls"]["talked"]:
            found.append(f"{self.name} has not talked")
        return found

    def summary(self) -> str:
        """One line of its counters."""
        sip, rtp, capture = (self.counts[key] for key in ("sip", "rtp", "capture"))
        asked = self.counts["bytes_per_packet"]
        return (
            f"{self.name:5} | {sip['sent']} messages out, {sip['received']} in; captured "
            f"{capture['captured']}, sent {capture['sent']}, dropped {capture['dropped']}, "
            f"{'unknown' if asked is None else format(asked, 'g')} bytes allocated per packet; "
            f"RTP {rtp['sent']} out, {rtp['received']} in"
        )


@dataclass
class Outcome:
    """What came of the demo. problems: why it failed, nothing if every message was stored."""

    sides: list[Side]
    call: Call | None
    messages: list[Message]
    problems: list[str]


def run(
    store: Store,
    state: Path,
    echo: Callable[[str, str], None] = lambda name, line: None,
    heap: str = HEAP,
    talk_ms: int = 3000,
) -> Outcome:
    """Let two devices call each other and be captured into an empty store.

    state: a folder for their files. echo(name, line) hears what they say. Raises SimError when
    a device can not run or does not end, ListenError when there is no port for the server.
    """
    server = Server(store, port=0)
    with in_thread(server), ExitStack() as stack:
        devices = _devices(state, endpoint(server.host, server.port), echo, heap, talk_ms)
        for device in reversed(devices):  # who is called must listen first
            stack.enter_context(device)
        counts = wait_all(devices, _TIMEOUT_S + talk_ms / 1000)
    return _outcome(server, counts)


def _devices(
    state: Path, collector: str, echo: Callable[[str, str], None], heap: str, talk_ms: int
) -> list[Device]:
    names = list(_NODES)
    ports = free_pairs(2 * len(names))
    plans = [
        {
            "call": f"sip:{names[1]}@127.0.0.1:{ports[1]}",
            "talk_ms": talk_ms,
            "tone_hz": 400,
            "dtmf_digits": "42",
            "dtmf_after_ms": talk_ms // 6,
            "hold_after_ms": talk_ms // 2,
            "hold_ms": talk_ms // 4,
        },
        {"tone_hz": 800},
    ]
    return [
        Device(
            name,
            state / name,
            device={
                **plans[index],
                "sip_port": ports[index],
                "rtp_port": ports[index + len(names)],
                "quit_after_calls": 1,
                "quit_after_ms": int(_TIMEOUT_S * 800) + talk_ms,
            },
            hep={"capture_address": collector, "capture_id": node, "capture_name": name},
            heap=heap,
            echo=lambda line, name=name: echo(name, line),
        )
        for index, (name, node) in enumerate(_NODES.items())
    ]


def _outcome(server: Server, counts: list[dict[str, Any]]) -> Outcome:
    store = server.store
    calls = store.calls(limit=-1)
    messages = [message for call in calls for message in store.messages(call.call)]
    sides = [
        Side(
            name,
            one,
            stored_sent=sum(m.node_id == node and m.sport == one["sip_port"] for m in messages),
            stored_received=sum(
                m.node_id == node and m.dport == one["sip_port"] for m in messages
            ),
        )
        for one, (name, node) in zip(counts, _NODES.items(), strict=True)
    ]
    problems = [problem for side in sides for problem in side.problems()]
    for here, there in (sides, sides[::-1]):
        sent, received = here.counts["sip"]["sent"], there.counts["sip"]["received"]
        if sent != received:
            problems.append(f"{here.name} sent {sent}, {there.name} received {received}")
    if len(calls) != 1:
        problems.append(f"{count(len(calls), 'call')} stored, not 1")
    if server.counters.rejected:
        problems.append(f"the server rejected {dict(server.counters.rejected)}")
    return Outcome(sides, calls[0] if calls else None, messages, problems)
