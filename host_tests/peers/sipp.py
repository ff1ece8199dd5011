"""sipp: calls and registrations, as scenarios of its own or of this folder."""

from contextlib import contextmanager

from peers.ports import free_port
from peers.program import HERE, Program, running

_TRANSPORT = {"udp": "u1", "tcp": "t1"}


def _address(host):
    return f"[{host}]" if ":" in host else host


@contextmanager
def uas(folder, transport="udp", host="127.0.0.1", port=None):
    """A phone that answers every call. Yields its port."""
    port = port or free_port()
    args = ["sipp", "-sn", "uas", "-i", _address(host), "-p", port, "-t", _TRANSPORT[transport]]
    with running([*args, "-nostdin"], folder, [(transport, port)], name=f"sipp-uas-{port}"):
        yield port


def call(
    folder, target, transport="udp", host="127.0.0.1", count=1, scenario="uac", duration_ms=0
):
    """Make count calls to port `target` one after another, to their end; returns our port.

    scenario: one of sipp's own, or a file of this folder.
    """
    port = free_port()
    which = ["-sf", HERE / scenario] if scenario.endswith(".xml") else ["-sn", scenario]
    program = Program(
        ["sipp", *which, "-i", _address(host), "-p", port, "-t", _TRANSPORT[transport]]
        + ["-m", count, "-l", 1, "-d", duration_ms, "-timeout", "30s", "-timeout_error"]
        + ["-nostdin", f"{_address(host)}:{target}"],
        folder,
        name=f"sipp-uac-{port}",
    )
    try:
        code = program.wait_end()
        if code:
            raise program.error(f"{count} x {scenario} to port {target} ended with code {code}")
    finally:
        program.stop()
    return port
