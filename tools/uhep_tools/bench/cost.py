"""What a capture costs, by the side of a bare write of the same packet in the same process."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from uhep_tools.bench import goals, machine
from uhep_tools.bench.machine import unix
from uhep_tools.board import release, rp2040

PATHS = ("native", "bytecode")  # variants of the agent's hot path
_BARE = "write"


def measure(rounds: int, progress: Callable[[str, float], None] = lambda what, done: None) -> dict:
    """Both variants of the hot path, each in a process of its own. Raises BenchError.

    Times are microseconds a packet, ratios are to the bare write of the same round: medians of
    so many rounds, and the quartiles around them. progress hears what is measured, and how far
    it is, from 0 to 1.
    """
    runs = {}
    for number, path in enumerate(PATHS):
        progress(f"cost, the hot path as {path}", number / len(PATHS))
        runs[path] = unix("cost.py", path, str(rounds))
    shared = ("interpreter", "sip_octets", "hep_octets", "packets")
    return {
        **{key: runs[PATHS[0]][key] for key in shared},
        "rounds": rounds,
        "paths": {path: _figures(run) for path, run in runs.items()},
        "voice": _voice(unix("voice.py", str(rounds))),
        "board": _board(),
        "left_out": rp2040.absent(),
    }


def _board() -> dict:
    """Microseconds on an emulated board of 32 bits, by its own clock, the same in each run."""
    found = {}
    if not rp2040.absent():
        with TemporaryDirectory() as folder:
            release.compile_into(Path(folder), rp2040.ARCH)
            for path in PATHS:
                told = json.loads(machine.board(Path(folder), "board_cost.py", {"PATH": path}))
                if told["machine_code"] != (path == "native"):
                    raise machine.BenchError(f"the board did not run the hot path as {path}")
                us = told["us"]
                found[path] = us | {"ratio": us["capture_poll"] / us["naive"]}
    return found


def _voice(run: dict) -> dict:
    """Statistics of RTP and RTCP as JSON, by the side of a bare read of the RTP packet."""
    found, packets = run["subjects"], run["packets"]
    return {
        "packets": packets,
        "rtp_octets": run["octets"],
        "rows": {name: _row(each, found["read"], packets) for name, each in found.items()},
    }


def _figures(run: dict) -> dict:
    found = run["subjects"]
    rows = {name: _row(each, found[_BARE], run["packets"]) for name, each in found.items()}
    both = rows["capture_poll"]
    both |= goals.against(goals.WRITE_RATIO, both["ratio"])
    scan = rows["scan"]
    scan |= goals.against(goals.SCAN_RATIO, scan["ratio"])
    return {
        "hot_path": run["hot_path"],
        "rows": rows,
        "tap_ratio": median(_ratios(found["tapped_sendto"], found["sendto"])),
        "parts_us": _parts({name: row["us"] for name, row in rows.items()}),
    }


def _row(found: dict, bare: dict, packets: int) -> dict:
    times = [us / packets for us in found["round_us"]]
    ratios = _ratios(found, bare)
    return {
        "us": median(times),
        "us_quartiles": _quartiles(times),
        "ratio": median(ratios),
        "ratio_quartiles": _quartiles(ratios),
        "octets": {key: found[key] for key in ("mem_total", "mem_alloc")},
        "heap_lock": found["heap_lock"],
    }


def _ratios(one: dict, other: dict) -> list[float]:
    """Round by round: a slow moment of the machine slows both."""
    pairs = zip(one["round_us"], other["round_us"], strict=True)
    return [us / other_us for us, other_us in pairs]


def _quartiles(values: list[float]) -> list[float]:
    low, _, high = quantiles(values, n=4)
    return [low, high]


def _parts(us: dict[str, float]) -> dict[str, float]:
    """Where the time of capture and poll goes; the sum of the parts is that time.

    Measured apart, each runs in warm caches; `rest` is what they cost more in turn.
    """
    return {
        "call_id": us["capture"] - us["capture_no_id"],
        "frame_copy": us["capture_no_id"],
        "poll": us["capture_poll_sink"] - us["capture"],
        "write": us[_BARE],
        "rest": us["capture_poll"] - us["capture_poll_sink"] - us[_BARE],
    }
