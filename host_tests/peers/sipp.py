"""sipp: calls and registrations, as scenarios of its own or of this folder."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

from uhep_tools.ports import free_port

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
        code = program.wait_end(60)
        if code:
            raise program.error(f"{count} x {scenario} to port {target} ended with code {code}")
    finally:
        program.stop()
    return Call(port, logged(folder, port))


@contextmanager
def scenario(folder, path, target=None, port=None, transport="udp"):
    """sipp playing a scenario once, to port `target` or waiting for a call. Yields a Scenario."""
    port = port or free_port()
    log = folder / f"{path.stem}.messages"
    where = [f"127.0.0.1:{target}"] if target else []
    program = Program(
        ["sipp", "-sf", path, "-i", "127.0.0.1", "-p", port, "-t", _TRANSPORT[transport]]
        + ["-m", 1, "-l", 1, "-timeout", "40s", "-timeout_error"]
        + ["-trace_msg", "-message_file", log, "-trace_err", "-nostdin", *where],
        folder,
        name=path.stem,
    )
    try:
        if not target:
            program.wait_bound((transport, port))
        yield Scenario(port, program, log, folder)
    finally:
        program.stop()


class Scenario:
    """A sipp that plays one call; end() fails unless it went as its scenario says."""

    def __init__(self, port, program, log, folder):
        self.port = port
        self._program = program
        self._log = log
        self._folder = folder

    def end(self):
        """Wait for its end; (sent, message) of each message in order."""
        code = self._program.wait_end(60)
        if code:
            errors = [path.read_text()[-3000:] for path in self._folder.glob("*errors.log")]
            raise self._program.error(f"ended with code {code}: {errors}")
        return _messages(self._log.read_bytes())
