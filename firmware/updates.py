"""Looks for a newer release at update_url, now and then, and takes it in."""

import sys
from random import getrandbits

import slots
from fetch import Fetch, FetchError
from manifest import ManifestError
from micropython import const
from uhep.dns import Resolver
from update import NotNewer, Update

_FIRST_MS = 60000  # after the start
_AGAIN_MS = const(3600000)  # after a failure, at the latest
_ARCH = const((
    None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa",
    "xtensawin", "rv32imc", "rv64imc",
))  # fmt: skip


def arch():
    """The architecture whose machine code this MicroPython takes, as mpy-cross names it."""
    return _ARCH[sys.implementation._mpy >> 10 & 15]


class Updates:
    """`poll` makes one step; it never waits, but a step of the signature takes its time."""

    def __init__(self, settings, dns, socket, ticks):
        """dns(): the address of the DNS server."""
        self._url = settings["update_url"]
        self._key = settings["update_key"]
        self._every_ms = settings["update_every_s"] * 1000
        self._dns = dns
        self._socket = socket
        self._ticks = ticks
        self._fetch = self._update = None
        self._due = self._after(min(_FIRST_MS, self._every_ms))
        self.ready = None  # the version that waits for a restart

    def poll(self, up=True):
        """What there is to tell, "" mostly. up: whether there is a network."""
        if self.ready:
            return ""
        try:
            if self._fetch:
                return self._step()
            now = self._ticks.ticks_ms()
            if self._ticks.ticks_diff(now, self._due) >= 0:
                if up:
                    return self._begin()
                self._due = now  # for a difference of ticks must not reach 6 days
            return ""
        except NotNewer:
            self._end(self._every_ms)
            return ""
        except (FetchError, ManifestError, OSError, ValueError, MemoryError) as error:
            self._end(min(_AGAIN_MS, self._every_ms))
            return "%s: %s" % (self._url, error)

    def _begin(self):
        if slots.state()[2] is not None:
            # What runs is on trial: the other slot is all that it can go back to.
            self._due = self._after(_FIRST_MS)
            return ""
        try:
            self._update = Update(self._key, arch())
        except ManifestError as error:
            self._due = self._after(self._every_ms)
            return str(error)
        self._fetch = Fetch(
            self._url, Resolver(self._dns() or "0.0.0.0").find, self._socket, self._ticks
        )
        return ""

    def _step(self):
        if self._update.work():
            return ""
        if self._update.done:
            version = self._update.version
            self._end(self._every_ms)
            self.ready = version
            return "%s is in its slot" % version
        data = self._fetch.poll()
        if data is None:
            raise FetchError("the bundle ends too early")
        if data:
            self._update.feed(data)
        return ""

    def _end(self, wait_ms):
        for each in self._fetch, self._update:
            if each:
                each.close()
        self._fetch = self._update = None
        self._due = self._after(wait_ms)

    def _after(self, ms):
        # Up to a tenth later, so that a fleet does not come at once; ticks reach 6 days.
        return self._ticks.ticks_add(self._ticks.ticks_ms(), ms + ms // 10240 * getrandbits(10))
