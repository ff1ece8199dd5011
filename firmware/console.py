"""Commands by a line of text: on the serial console, and in the emulator."""

import select
import sys

from micropython import const

_LONGEST = const(200)


class Console:
    """Reads commands without waiting.

    load() gives the table of commands when the first one comes, a dict of name: (arguments,
    what it does, function). The function gets the rest of the line, and what it returns is
    said; a ValueError or a RuntimeError of it, or a MemoryError, says what can not be done.
    """

    def __init__(self, load, say=print, stream=None, ready=None):
        self._load = load
        self._table = None
        self._say = say
        # Octets: a read of text would wait for the rest of a character, and raise at a broken one.
        self._stream = stream or sys.stdin.buffer
        self._line = b""
        self._ready = ready or self._watch()

    def _watch(self):
        poller = select.poll()
        try:
            poller.register(sys.stdin, select.POLLIN)
        except (OSError, ValueError, TypeError):  # no console there
            return None
        if not hasattr(poller, "ipoll"):
            return lambda: bool(poller.poll(0))

        def waiting():
            for _ in poller.ipoll(0):
                return True
            return False

        return waiting

    def poll(self):
        """Takes in what has been typed, an octet; runs a line that is complete."""
        if self._ready and self._ready():
            self._take(self._stream.read(1))

    def _take(self, typed):
        if not typed:  # the other end has gone away
            self._ready = None
        elif typed in b"\r\n":
            line, self._line = self._line.strip(), b""
            try:
                line = line.decode()
            except UnicodeError:
                self._say("that is not UTF-8")
                return
            if line:
                self.run(line)
        elif typed in b"\b\x7f":
            self._line = self._line[:-1]
        elif len(self._line) < _LONGEST:
            self._line += typed

    def run(self, line):
        """Runs one line."""
        try:
            said = self._run(line)
        except (ValueError, RuntimeError, MemoryError) as error:
            said = str(error)
        if said:
            self._say(said)

    def _run(self, line):
        if self._table is None:
            self._table = self._load()
        name, _, rest = line.partition(" ")
        name = name.lower()
        if name == "help":
            for name in sorted(self._table):
                arguments, does, _ = self._table[name]
                self._say("  %-20s %s" % ((name + " " + arguments).strip(), does))
            return None
        if name not in self._table:
            return "there is no %s; help lists what there is" % name
        return self._table[name][2](rest.strip())
