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

    def poll(self):
        """What there is to tell, "" mostly."""
        if self.ready:
            return ""
        if not self._fetch:
            late_ms = self._ticks.ticks_diff(self._ticks.ticks_ms(), self._due)
            # Ticks wrap: without a network for days, what seems to be far away was long ago.
            return "" if -2 * self._every_ms <= late_ms < 0 else self._begin()
        try:
            return self._step()
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
        self._fetch.close()
        self._update.close()
        self._fetch = self._update = None
        self._due = self._after(wait_ms)

    def _after(self, ms):
        # Up to a tenth later, so that a fleet does not come at once; ticks reach 6 days.
        return self._ticks.ticks_add(self._ticks.ticks_ms(), ms + ms // 10240 * getrandbits(10))
