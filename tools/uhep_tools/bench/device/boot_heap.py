"""A device's start up to the point where a network would be needed: what stays, it takes.

`stage`: which part (1: the agent with a ring of 8 KB, 2: what is Python code in this build only,
3: what keeps a board going, 4: the personality, made as its run() makes it, 5: what the first
registration and the first calls load), `personality`: of which device. Sockets are stand-ins:
this build has none.
"""

import sys

stage = globals()["stage"]


class Absent:
    """A module, or anything of one: it has every name, and can be called."""

    def __getattr__(self, name):
        return Absent

    def __call__(self, *args, **kwargs):
        return Absent()


if stage == 0:
    import builtins

    builtins.print = lambda *words: None  # what a device says is none of our figures
    for name in "socket", "select", "ssl", "tls":
        sys.modules[name] = Absent()
    address = [(2, 2, 0, "", ("192.0.2.1", 5060))]
    sys.modules["socket"].getaddrinfo = lambda host, port, *rest: address
elif stage == 1:
    from uhep import Agent

    agent = Agent({"capture_address": "192.0.2.9:9060", "capture_id": 2001, "queue_bytes": 8192})
elif stage == 2:
    import binascii  # noqa: F401
    import io  # noqa: F401
    import os

    if sys.platform == "webassembly":  # a board has its own
        os.urandom = bytes
elif stage == 3:
    for name in "crash", "keeper", "port", "slots":
        __import__(name)
elif stage == 5:
    if "line" in sys.modules:
        for name in "account", "register", "auth", "incoming", "outgoing", "timer":
            __import__("usip." + name)
else:
    import device

    name = globals()["personality"]
    given = {"probe": {"server": "192.0.2.1:5060"}, "sniffer": {"interface": "eth0"}}.get(name, {})
    settings = device.validate(dict(given, personality=name))
    device.forget()
    module = __import__(name)
    made = getattr(module, name[0].upper() + name[1:])
    args = {"probe": ("192.0.2.10", bytes(16)), "sniffer": (Absent(),)}
    made = made(settings, agent, *args.get(name, ("192.0.2.10",)))
