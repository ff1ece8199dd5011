"""A board at the end of a cable: MicroPython's unix port behind a pty or a TCP socket.

The process is started anew when it resets. What goes over the cable can be cut off: see `cut`.
"""

import os
import pty
import signal
import socket
import subprocess
import threading
import tty
from pathlib import Path

HERE = Path(__file__).parent / "device/fake_board"


class FakeBoard:
    """`url` is what a pyserial tool opens, another one after a cut. `root` is its file system, a
    folder.

    cut: octets from the host after which the cable is pulled (and the power goes), or None.
    boots: how often it has started. said: all that it has said.
    """

    def __init__(self, micropython, folder, tcp=False):
        self.root = Path(folder) / "flash"
        self.root.mkdir(parents=True, exist_ok=True)
        self.boots = 0
        self.said = b""
        self.cut = None
        self.came = 0
        self._micropython = micropython
        self._process = None
        self._tcp = tcp
        self._open = True
        self._lock = threading.Lock()
        if tcp:
            self._server = socket.create_server(("127.0.0.1", 0))
            self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
            self._line = None
            threading.Thread(target=self._accept, daemon=True).start()
        else:
            self._plug()
        self.power()

    def _plug(self):
        self._line, self._slave = pty.openpty()  # kept open: the line stays up between two tools
        tty.setraw(self._slave)
        self.url = os.ttyname(self._slave)
        threading.Thread(target=self._listen, args=(self._line,), daemon=True).start()

    def _pull(self):
        # The power goes first, then the port; plugged in again it is another one.
        self.off()
        if not self._tcp:
            line, slave = self._line, self._slave
            self._plug()
            os.close(slave)
            os.close(line)

    def power(self, cause=1):
        """Switch it on; or off and on."""
        self.off()
        self._on = threading.Event()
        self.boots += 1
        env = {"MICROPYPATH": f"{HERE}:.frozen", "RESET_CAUSE": str(cause)}
        self._process = subprocess.Popen(
            [self._micropython, "-X", "heapsize=400K", str(HERE / "repl.py")],
            cwd=self.root,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        threading.Thread(target=self._talk, args=(self._process,), daemon=True).start()
        self._on.wait(30)  # before, a Ctrl-C would be its end

    def off(self):
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def close(self):
        self._open = False
        self.off()
        if self._tcp:
            self._server.close()
            self._hang_up()
        else:
            os.close(self._slave)

    def _talk(self, process):
        while data := process.stdout.read(4096):
            self.said += data
            self._on.set()
            try:
                if self._line is not None:
                    os.write(self._line, data)
            except OSError:
                pass
        # machine.reset kills it. The unix port dies of a Ctrl-C in the middle of a collection.
        cause = 5 if process.wait() == -signal.SIGKILL else 1
        if self._process is process and self._open:
            self.power(cause)

    def _accept(self):
        while self._open:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connection = connection
            self._line = connection.fileno()
            self._listen(self._line)
            self._hang_up()

    def _hang_up(self):
        if self._line is not None:
            self._line = None
            self._connection.close()

    def _listen(self, line):
        while self._open:
            try:
                data = os.read(line, 256)
            except OSError:
                return
            if not data:
                return
            self.came += len(data)
            if self.cut is not None and self.came >= self.cut:
                self.cut = None
                self._pull()
                return
            process = self._process
            if not process or not self._on.is_set():  # as it starts it hears nothing
                continue
            for part in data.replace(b"\x03", b"\0\x03\0").split(b"\0"):
                if part == b"\x03":
                    process.send_signal(signal.SIGINT)
                elif part:
                    try:
                        process.stdin.write(part)
                    except OSError:
                        pass
