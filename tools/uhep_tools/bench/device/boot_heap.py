"""A device's start up to the point where a network would be needed: what stays, it takes.

`stage`: which part (1: the agent with a ring of 8 KB, 2: what keeps a board going, 3: the modules
of the personality), `personality`: of which device. Sockets are stand-ins: this build has none.
"""

import sys

stage = globals()["stage"]


class Absent:
    """A module of which only the names are asked for at import."""

    def __getattr__(self, name):
        return Absent

    def __call__(self, *args, **kwargs):
        return Absent()


if stage == 0:
    for name in "socket", "select", "ssl", "tls":
        sys.modules[name] = Absent()
elif stage == 1:
    from uhep import Agent

    agent = Agent({"capture_address": "192.0.2.9:9060", "capture_id": 2001, "queue_bytes": 8192})
elif stage == 2:
    for name in "crash", "keeper", "port", "slots":
        __import__(name)
else:
    __import__(globals()["personality"])
