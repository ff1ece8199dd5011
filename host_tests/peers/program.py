"""Run a third-party program: start it with a deadline, wait until it listens, end it."""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from waiting import PATIENCE_S, TooLate, until

HERE = Path(__file__).parent


class PeerError(AssertionError):
    """A peer that did not do its part; the message ends with the last lines of its log."""


def bound(transport, port):
    """Whether some socket of this network is bound to a udp port, or listens on a tcp one."""
    for table in transport, transport + "6":
        try:
            lines = Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for line in lines:
            _, local, _, state = line.split()[:4]
            listens = transport == "udp" or state == "0A"
            if listens and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def fill(template, target, **values):
    """Write a file of this folder to target with each @NAME@ replaced."""
    text = (HERE / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    left = re.search("@[A-Z][A-Z0-9_]*@", text)
    assert not left, f"{template}: no value for {left[0]}"
    target.write_text(text)
    return target


class Program:
    """A running program. Its output goes to a log in its folder."""

    def __init__(self, args, folder, name=None, deadline_s=300, **popen):
        args = [str(arg) for arg in args]
        self.name = name or Path(args[0]).name
        self.log = Path(folder) / f"{self.name}.log"
        # timeout(1) ends the program should the test run die without doing so.
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["timeout", "--kill-after=5", str(deadline_s), *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
                **popen,
            )

    def error(self, what):
        lines = self.log.read_text(errors="replace").splitlines()[-25:]
        return PeerError("\n  | ".join([f"{self.name}: {what}. Its log ends:", *lines]))

    def running(self):
        return self.process.poll() is None

    def check(self):
        """Fail if the program has ended by itself: crashed, mostly."""
        if not self.running():
            raise self.error(f"ended by itself with code {self.process.returncode}")

    def open_files(self):
        """What the program itself, the child of timeout(1), has open: as /proc names it."""
        pid = self.process.pid
        names = set()
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            for file in Path(f"/proc/{child}/fd").iterdir():
                try:
                    names.add(os.readlink(file))
                except FileNotFoundError:  # closed meanwhile
                    pass
        return names

    def wait_bound(self, *sockets, seconds=PATIENCE_S):
        """Wait for each (transport, port)."""

        def all_bound():
            self.check()
            return all(bound(*each) for each in sockets)

        try:
            until(all_bound, f"{self.name} to bind {sockets}", seconds)
        except TooLate:
            self.check()
            raise self.error(f"has not bound {sockets} in {seconds} s") from None
        return self

    def wait_end(self, seconds=PATIENCE_S):
        """Wait for a program that ends by itself; returns its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self.error(f"has not ended in {seconds} s") from None

    def stop(self, seconds=10):
        """Ask it to end; then end what is left of its own session."""
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


@contextmanager
def running(args, folder, sockets=(), **options):
    """A Program that listens on sockets, within a `with` block that fails if it dies."""
    program = Program(args, folder, **options)
    try:
        yield program.wait_bound(*sockets)
        program.check()
    finally:
        program.stop()
