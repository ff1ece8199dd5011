"""A board's start and its prompt, on stdin and stdout: boot.py, main.py, then the REPL.

The raw REPL and its raw paste mode as shared/runtime/pyexec.c has them; Ctrl-C is a SIGINT.
Of the friendly REPL there is the prompt, and what leads from there: Ctrl-A, Ctrl-D.
"""

import sys

_IN = sys.stdin.buffer
_OUT = sys.stdout.buffer
_WINDOW = 128


def get():
    while True:
        try:
            c = _IN.read(1)
        except KeyboardInterrupt:
            out(b"\r\n>>> ")
            continue
        if not c:
            sys.exit(0)
        return c


def out(data):
    _OUT.write(data)


def start():
    for name in "boot.py", "main.py":
        try:
            with open(name) as file:
                text = file.read()
        except OSError:
            continue
        try:
            exec(text, {"__name__": "__main__"})
        except KeyboardInterrupt:
            out(b"KeyboardInterrupt\r\n")
            return
        except Exception as error:
            sys.print_exception(error)


def paste():
    """Raw paste: what was sent."""
    out(b"R\x01" + bytes([_WINDOW, 0]) + b"\x01")
    text = bytearray()
    while True:
        c = get()
        if c == b"\x04":
            out(b"\x04")
            return text
        text.extend(c)
        if len(text) % _WINDOW == 0:
            out(b"\x01")


names = {"__name__": "__main__"}


def run(text):
    try:
        exec(bytes(text).decode(), names)
        out(b"\x04")
    except SystemExit:
        raise
    except BaseException as error:
        out(b"\x04")
        sys.print_exception(error)
    out(b"\x04>")


def raw():
    """The raw REPL, until Ctrl-B or a soft reset."""
    out(b"raw REPL; CTRL-B to exit\r\n>")
    text = bytearray()
    while True:
        c = get()
        if c == b"\x01":
            out(b"raw REPL; CTRL-B to exit\r\n>")
            text = bytearray()
        elif c == b"\x02":
            return
        elif c == b"\x05" and not text:
            if get() + get() == b"A\x01":
                run(paste())
        elif c == b"\x04":
            if not text:
                out(b"OK\r\nMPY: soft reboot\r\n")
                continue
            out(b"OK")
            run(text)
            text = bytearray()
        else:
            text.extend(c)


def turn():
    out(b"MicroPython; fake board with unix\r\n>>> ")
    c = get()
    if c == b"\x01":
        raw()
    elif c == b"\x04":
        out(b"\r\nMPY: soft reboot\r\n")
        start()


begun = False
while True:
    try:
        if not begun:
            begun = True
            out(b"on\r\n")
            start()
        turn()
    except KeyboardInterrupt:  # a signal may come anywhere
        pass
