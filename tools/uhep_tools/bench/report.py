"""The figures as tables for a terminal of 100 columns."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

_ROWS = {
    "write": "sock.write(packet, 0, n)",
    "capture_poll": "capture + poll",
    "capture_poll_sink": "  with a write that is empty",
    "capture": "capture",
    "capture_given": "  with the Call-ID given",
    "capture_no_id": "  without correlation id",
    "capture_redact": "  redacted: auth, keys, ...",
    "capture_users": "  and users",
    "scan": "  the scan alone",
    "disabled": "  of a disabled agent",
    "naive": "naive b''.join encoder",
    "naive_sendto": "  and sendto",
    "sendto": "sendto of the SIP",
    "tapped_sendto": "  through a tap",
}
_VOICE = {
    "read": "sock.readinto(buf) of RTP",
    "rtp": "  and RtpStats.feed",
    "rtp_only": "RtpStats.feed",
    "rtcp": "RTCP to JSON, capture + poll",
}
_PARTS = {
    "call_id": "find the Call-ID, write its chunk",
    "frame_copy": "make the frame, copy the payload",
    "poll": "poll's own work",
    "write": "sock.write",
    "rest": "in turn rather than apart (caches)",
}
_BOARD = "an emulated board of 32 bits (RP2040, 125 MHz)"
_HEAPS = {"mpy_default": ".mpy", "mpy_O3": ".mpy of -O3", "py": ".py"}


def cost_tables(cost: dict) -> Iterator[Table]:
    """A table for each variant of the hot path, then one of where the time goes."""
    for path, found in cost["paths"].items():
        yield _cost_table(f"What a packet costs: {found['hot_path']} ({path})", cost, found)
    yield _parts_table(cost["paths"])
    yield _voice_table(cost)
    if cost["board"]:
        yield _board_table(cost["board"])


def _board_table(found: dict) -> Table:
    table = Table(title=f"On {_BOARD}, by its own clock", title_justify="left")
    table.add_column("")
    table.add_column("us", justify="right")
    table.add_column("x naive", justify="right")
    for path, us in found.items():
        cells = f"{us['capture_poll']:,.0f}", f"{us['ratio']:.2f}"
        table.add_row(f"capture + poll with a write that is empty ({path})", *cells)
    table.add_row(_ROWS["naive"], f"{next(iter(found.values()))['naive']:,.0f}", "1.00")
    return table


def _voice_table(cost: dict) -> Table:
    found = cost["voice"]
    title = "What voice quality costs a packet (bytecode)"
    table = Table(title=title, title_justify="left", caption_justify="left", caption_style="")
    table.add_column("")
    for name in ("us", "x read", "middle half", "mem_total", "mem_alloc", "heap_lock"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, label in _VOICE.items():
        table.add_row(label, *_cells(found["rows"][name]))
    table.caption = (
        f"{found['rtp_octets']} octets of RTP, 50 packets a second in a call; an SR with one "
        "block to HEP, one in 5 s"
    )
    return table


def _cells(row: dict) -> list[str]:
    low, high = row["ratio_quartiles"]
    return [
        f"{row['us']:.2f}",
        f"{row['ratio']:.2f}",
        f"{low:.2f}-{high:.2f}",
        f"{row['octets']['mem_total']:g}",
        f"{row['octets']['mem_alloc']:g}",
        "passes" if row["heap_lock"] else "fails",
    ]


def _cost_table(title: str, cost: dict, found: dict) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", caption_style="")
    table.add_column("")
    for name in ("us", "x write", "middle half", "mem_total", "mem_alloc", "heap_lock"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, label in _ROWS.items():
        table.add_row(label, *_cells(found["rows"][name]))
    both = found["rows"]["capture_poll"]
    scan = found["rows"]["scan"]
    table.caption = Text.assemble(
        f"{cost['sip_octets']} octets of SIP, {cost['hep_octets']} of HEP; medians of "
        f"{cost['rounds']} rounds of {cost['packets']}; octets per packet\n",
        f"capture + poll is {both['ratio']:.2f} x write; goal {both['goal']:g}: ",
        _mark(both),
        f"\nthe scan is {scan['ratio']:.2f} x write; goal {scan['goal']:g}: ",
        _mark(scan),
        f"\nsendto through a tap is {found['tap_ratio']:.2f} x sendto",
    )
    return table


def _parts_table(paths: dict) -> Table:
    table = Table(title="Where the time of capture + poll goes", title_justify="left")
    table.add_column("")
    for path in paths:
        table.add_column(f"{path} us", justify="right")
        table.add_column("share", justify="right")
    for name, label in _PARTS.items():
        cells = [label]
        for found in paths.values():
            parts = found["parts_us"]
            cells += [f"{parts[name]:.2f}", f"{parts[name] / sum(parts.values()):.0%}"]
        table.add_row(*cells)
    return table


def size_tables(size: dict) -> Iterator[Table]:
    """The files, then the heap if it could be measured."""
    yield _files_table(size["mpy"])
    if size["heap"] or size["board"]:
        yield _heap_table(size["heap"], size["board"])


def _files_table(levels: dict) -> Table:
    first, *_ = levels.values()
    table = Table(title="Octets of .mpy that a UDP agent imports", title_justify="left")
    table.add_column("")
    for level in levels:
        table.add_column(f"mpy-cross {level}", justify="right")
    for module in first["modules"]:
        table.add_row(module, *[f"{files['modules'][module]:,}" for files in levels.values()])
    table.add_section()
    _add_sum(table, "sum", [files["sum"] for files in levels.values()])
    staying = [files["sum_that_stays"] for files in levels.values()]
    _add_sum(table, "without uhep.config, let go again, and uhep.stats", staying)
    native = [f"{files['native']:,}" for files in levels.values()]
    table.add_row("uhep._native for xtensawin", *native)
    with_native = [files["sum_with_native"] for files in levels.values()]
    _add_sum(table, "sum with it in place of uhep._plain", with_native)
    return table


def _add_sum(table: Table, label: str, sums: list[dict]) -> None:
    cells = [Text.assemble(f"{each['octets']:,} ", _mark(each)) for each in sums]
    table.add_row(f"{label}; goal {sums[0]['goal']:,}", *cells)


def server_tables(server: dict) -> Iterator[Table]:
    """Of bench.server.measure."""
    table = Table(
        title=f"HEP packets a second of {server['octets_a_packet']:.0f} octets before the first "
        f"loss, {server['seconds']:g} s each",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("a second", justify="right")
    table.add_column("x bare reader", justify="right")
    for name, key in (("uhep serve, UDP", "udp"), ("uhep serve, TCP", "tcp")):
        table.add_row(name, f"{server[f'{key}_a_second']:,.0f}", f"{server[f'{key}_ratio']:.2f}")
    table.add_row("bare UDP reader in Python", f"{server['bare_a_second']:,.0f}", "1")
    yield table
    if page := server["page"]:
        file = page["file_octets"] / (1 << 20)
        table = Table(
            title=f"The page with {page['messages']:,} messages stored, {file:,.0f} MiB of file",
            title_justify="left",
        )
        table.add_column("asked for")
        table.add_column("ms", justify="right")
        table.add_column("KiB", justify="right")
        for name, figure in page["asked"].items():
            table.add_row(name, f"{figure['ms']:.0f}", f"{figure['octets'] / 1024:.0f}")
        yield table


def _heap_table(heaps: dict, board: dict) -> Table:
    table = Table(title="Octets of heap that stay", title_justify="left")
    table.add_column("32 bits")
    table.add_column("without the ring", justify="right")
    table.add_column("goal", justify="right")
    table.add_column("")
    for name, heap in heaps.items():
        label = f"WebAssembly build, modules from {_HEAPS[name]}"
        table.add_row(label, f"{heap['octets']:,}", f"{heap['goal']:,}", _mark(heap))
    for path, octets in board.items():
        table.add_row(f"emulated RP2040, .mpy of -O2, {path}", f"{octets:,}", "", "")
    return table


def firmware_tables(figures: dict) -> Iterator[Table]:
    """What a device's firmware takes: flash, then heap by personality if it could be measured."""
    flash = Table(title="Octets of .mpy in flash, a release for the ESP32", title_justify="left")
    flash.add_column("package")
    flash.add_column("octets", justify="right")
    for name, octets in figures["flash"].items():
        flash.add_row(name, f"{octets:,}")
    yield flash
    if figures["heap"]:
        yield _firmware_heap(figures["heap"])


_HEAP_PARTS = {
    "agent": "agent, with a ring of 8 KB",
    "board": "board: network, time, watchdog",
    "personality": "own: the personality, no call yet",
    "calls": "calls: the first registration and calls",
    "sum": "sum",
}


def _firmware_heap(heap: dict) -> Table:
    table = Table(
        title=f"Octets of heap on {_BOARD},\nwithout machine code, which an ESP32 has elsewhere",
        title_justify="left",
    )
    table.add_column("after the start")
    for name in heap:
        table.add_column(name, justify="right", no_wrap=True)
    for part, label in _HEAP_PARTS.items():
        table.add_row(label, *(f"{parts[part]:,}" for parts in heap.values()))
    table.add_section()
    held = [parts["held"] for parts in heap.values()]
    table.add_row("agent and own", *(f"{each['octets']:,}" for each in held))
    table.add_row("goal", *(f"{each['goal']:,}" if "goal" in each else "" for each in held))
    table.add_row("", *(_mark(each) if "goal" in each else "" for each in held))
    table.add_row("with frozen modules, an estimate", *(f"{each['frozen']:,}" for each in held))
    return table


def _mark(figure: dict) -> Text:
    return Text("reached", "green") if figure["reached"] else Text("not reached", "red")
