"""Many emulated devices at once, which call each other in pairs: `uhep sim --count`."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from uhep_tools.ports import free_pairs
from uhep_tools.sim import Device, SimError
from uhep_tools.text import count

_FIRST_NODE = 5001
_BOOT_S = 0.15  # from one device to the next: all at once they would be late for their calls
_LOOK_S = 0.05


def wait_all(
    devices: Sequence[Device],
    timeout: float | None = None,
    progress: Callable[[int, int], None] = lambda ended, size: None,
) -> list[dict[str, Any]]:
    """The counts of each, once all have ended by themselves; progress hears how many have.

    Raises SimError when some still run after so many seconds, and as soon as one has ended badly.
    """
    end = None if timeout is None else time.monotonic() + timeout
    running = list(devices)
    while True:
        for device in [one for one in running if not one.running]:
            device.wait()
            running.remove(device)
        progress(len(devices) - len(running), len(devices))
        if not running:
            return [device.wait() for device in devices]
        if end is not None and time.monotonic() > end:
            names = ", ".join(device.name for device in running[:5])
            still = f"{count(len(running), 'device')} still running after {timeout:g} s"
            raise SimError(f"{still}: {names}")
        time.sleep(_LOOK_S)


class Fleet:
    """phone-001, phone-002, ...: the odd ones call the even ones, talk, and hang up.

    size: how many, even. device, hep: settings of all. With `sip_server` in device they register
    there, and call by it. Each has a capture id of its own. As a context manager it starts them,
    and kills them at the end.
    """

    def __init__(
        self,
        size: int,
        state: Path,
        *,
        device: dict[str, Any] | None = None,
        hep: dict[str, Any] | None = None,
        heap: str | None = None,
        echo: Callable[[str, str], None] = lambda name, line: None,
        limit_s: float = 120.0,
    ):
        """limit_s: after which each device ends, whatever became of its call."""
        if size < 2 or size % 2:
            raise SimError(f"{size} devices can not call each other in pairs; an even number can")
        self.limit_s = limit_s
        ports = free_pairs(2 * size)
        names = [f"phone-{number:03}" for number in range(1, size + 1)]
        settings = {"talk_ms": 1000, "quit_after_calls": 1, "quit_after_ms": int(limit_s * 1000)}
        server = (device or {}).get("sip_server", "")
        self.devices = []
        for index, name in enumerate(names):
            plan = {"sip_port": ports[index], "rtp_port": ports[size + index]}
            if index % 2 == 0:
                host = server or f"127.0.0.1:{ports[index + 1]}"
                plan["call"] = f"sip:{names[index + 1]}@{host}"
                # Its peer boots after it.
                plan["call_after_ms"] = 3000
            made = Device(
                name,
                state / name,
                device=settings | plan | (device or {}),
                hep=None
                if hep is None
                else {"capture_id": _FIRST_NODE + index, "capture_name": name} | hep,
                heap=heap,
                echo=lambda line, name=name: echo(name, line),
            )
            self.devices.append(made)
        self._stack = ExitStack()

    def __enter__(self) -> "Fleet":
        with ExitStack() as stack:
            for device in self.devices:
                stack.enter_context(device)
                time.sleep(_BOOT_S)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def wait(
        self, timeout: float, progress: Callable[[int, int], None] = lambda ended, size: None
    ) -> list[dict[str, Any]]:
        """The counts of each device, once all have ended by themselves. Raises SimError."""
        return wait_all(self.devices, timeout, progress)


def summary(counts: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """(what the devices did together, what is wrong, a sentence each)."""
    talked = sum(one["calls"]["talked"] > 0 for one in counts)
    sip = {way: sum(one["sip"][way] for one in counts) for way in ("sent", "received")}
    agents = [one["capture"] for one in counts if one["capture"]]
    capture = {key: sum(one[key] for one in agents) for key in ("captured", "sent", "dropped")}
    said = (
        f"{count(len(counts), 'device')}, {talked} talked; {sip['sent']:,} SIP messages out, "
        f"{sip['received']:,} in; captured {capture['captured']:,}, sent {capture['sent']:,}, "
        f"dropped {capture['dropped']:,}"
    )
    problems = []
    if talked < len(counts):
        names = [one["device"] for one in counts if not one["calls"]["talked"]]
        problems.append(f"{count(len(names), 'device')} did not talk: {', '.join(names[:5])}")
    if capture["dropped"]:
        problems.append(f"the agents dropped {count(capture['dropped'], 'packet')}")
    return said, problems
