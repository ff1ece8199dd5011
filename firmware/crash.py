"""Crashes: kept in flash, told after the next start, and counted while they come in a row."""

import io
import os
import sys

import slots
from micropython import const

SAFE_AFTER = 3  # crashes in a row; from then on only the agent is started
_MOST = const(1500)  # octets of a traceback: its end says more than its beginning
_FILE = const("crash.txt")  # how many in a row, then the last one's text
_OLD = const("crash.old")  # of a release that was given up (boot.py)


def keep(error):
    """Write an exception with its traceback to flash, and count it."""
    text = io.StringIO()
    sys.print_exception(error, text)
    note(text.getvalue())


def note(text):
    """Count a crash of which this is known."""
    n = count() + 1
    try:
        slots.write(_FILE, "%d\n%s" % (n, text[-_MOST:]))
    except OSError:  # the flash is full: so little has room in its folder
        slots.write(_FILE, "%d\n" % n)


def count():
    """Crashes in a row before this start."""
    return _read(_FILE)[0]


def last():
    """The text of the last crash that the device has not got over; "" if there is none."""
    return _read(_FILE)[1] or _read(_OLD)[1]


def again():
    """Out of safe mode: with the next start all is tried again; one more crash leads back."""
    if count() >= SAFE_AFTER:  # else it was for another reason
        slots.write(_FILE, "%d\n%s" % (SAFE_AFTER - 1, last()))


def over():
    """The device is well: what was, counts no longer. True if there was something."""
    was = False
    for name in (_FILE, _OLD):
        try:
            os.remove(name)
            was = True
        except OSError:
            pass
    return was


def _read(name):
    try:
        with open(name) as file:
            first, _, text = file.read().partition("\n")
            return int(first), text
    except (OSError, ValueError):
        return 0, ""
