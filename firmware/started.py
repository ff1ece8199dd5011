"""What a device tells once, when it has started and its network is there."""

import gc
import sys

import crash
import slots


def tell(keeper, settings, board, took_ms):
    """The boot report, the crash before it if there was one, and what the status line says.

    took_ms: since the start, until there was a network and the time.
    """
    running, _, left = slots.state()
    release = slots.version()
    facts = [
        ("version", release),
        ("slot", running or "-"),
        ("reset", keeper.cause),
        ("board", board.get("id", "?")),
        ("micropython", ".".join([str(n) for n in sys.implementation[1][:3]])),
        ("personality", "safe" if keeper.safe else settings["personality"]),
        ("address", keeper.nic.address),
        ("tries", keeper.nic.tries),
        ("network_ms", took_ms),
        ("time", keeper.sntp.status if settings["ntp"] else "off"),
        ("rtt_us", keeper.sntp.rtt_us),
        ("heap", gc.mem_free()),
        ("crashes", crash.count()),
    ]
    if left is not None:
        facts.append(("trial", left))
    if slots.failed():
        facts.append(("failed", slots.version_of("b" if running == "a" else "a")))
    keeper.report("boot", facts)
    text = crash.last()
    if text:
        keeper.report("crash", [("count", crash.count()), ("text", text)])
    put = getattr(keeper.agent, "status_put", None)
    if put:
        put("reset", keeper.cause)
        put("version", release)
