"""sipp: calls and registrations, as scenarios of its own or of this folder."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

from peers.ports import free_port
from peers.program import HERE, Program, running

_TRANSPORT = {"udp": "u1", "tcp": "t1"}

# "sent (511 bytes):" or "received [309] bytes :", an empty line, the message.
_LOGGED = re.compile(rb"^\w+ message (sent|received) [(\[](\d+)\]? bytes.*\n\n", re.M)


@dataclass
class Call:
    """What sipp itself says of the calls that it made: (sent, message) in order, whole."""

    port: int
    messages: list[tuple[bool, bytes]]


def _messages(log):
    """The messages of a file that -trace_msg wrote."""
    found, at = [], 0
    while head := _LOGGED.search(log, at):
        at = head.end() + int(head[2])
        found.append((head[1] == b"sent", log[head.end() : at]))
    return found


def _log(folder, port):
    return folder / f"sipp-{port}.messages"


def _address(host):
    return f"[{host}]" if ":" in host else host


@contextmanager
def uas(folder, transport="udp", host="127.0.0.1", port=None):
    """A phone that answers every call. Yields its port; `logged` says what it saw."""
    port = port or free_port()
    args = ["sipp", "-sn", "uas", "-i", _address(host), "-p", port, "-t", _TRANSPORT[transport]]
    args += ["-trace_msg", "-message_file", _log(folder, port)]
    with running([*args, "-nostdin"], folder, [(transport, port)], name=f"sipp-uas-{port}"):
        yield port


def logged(folder, port):
    """[(sent, message)] of the sipp of a port, as far as it has written them."""
    return _messages(_log(folder, port).read_bytes())


def call(
    folder,
    target,
    transport="udp",
    host="127.0.0.1",
    count=1,
    scenario="uac",
    rate=None,
    port=None,
):
    """Make count calls to port `target`, one after another to their end, as a Call.

    scenario: one of sipp's own, or a file of this folder. rate: calls that begin in a second,
    whatever became of those before.
    """
    port = port or free_port()
    which = ["-sf", HERE / scenario] if scenario.endswith(".xml") else ["-sn", scenario]
    program = Program(
        ["sipp", *which, "-i", _address(host), "-p", port, "-t", _TRANSPORT[transport]]
        + (["-r", rate] if rate else ["-l", 1])
        + ["-m", count, "-d", 0, "-timeout", "60s", "-timeout_error"]
        + [
            "-trace_msg",
            "-message_file",
            _log(folder, port),
            "-nostdin",
            f"{_address(host)}:{target}",
        ],
        folder,
        name=f"sipp-uac-{port}",
    )
    try:
        code = program.wait_end(90)
        if code:
            raise program.error(f"{count} x {scenario} to port {target} ended with code {code}")
    finally:
        program.stop()
    return Call(port, logged(folder, port))
