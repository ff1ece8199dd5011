"""A device's start up to the point where a network would be needed: what stays, it takes.

`stages`: how far (1: the agent with a ring of 8 KB, 2: what keeps a board going, 3: the modules
of the personality), `personality`: of which device. Sockets are stand-ins: this build has none.
"""

import sys

stages = globals()["stages"]


class Absent:
    """A module of which only the names are asked for at import."""

    def __getattr__(self, name):
        return Absent

    def __call__(self, *args, **kwargs):
        return Absent()


for name in "socket", "select", "ssl", "tls":
    sys.modules[name] = Absent()

if stages >= 1:
    from uhep import Agent

    agent = Agent({"capture_address": "192.0.2.9:9060", "capture_id": 2001, "queue_bytes": 8192})
if stages >= 2:
    for name in "crash", "keeper", "port", "slots":
        __import__(name)
if stages >= 3:
    __import__(globals()["personality"])
