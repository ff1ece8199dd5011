"""Keeps a device going: network, time, watchdog, updates, and whether it is well."""

import sys
import time

import crash
import report
import slots
from micropython import const
from nic import Nic
from sntp import Sntp

WELL_MS = 60000  # of work with a network, after which a release has proven itself
TRIAL_MS = 600000  # a release on trial that has not done so by then is given up
SAFE_MS = 3600000  # so long safe mode lasts, before all is tried once more
_PASS_MS = const(100)  # the slow part's pace
_LONG_MS = const(432000000)  # 5 days: longer is not counted, for ticks reach 6
_CAUSES = {1: "power-on", 2: "hard", 3: "watchdog", 4: "deepsleep", 5: "soft"}
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


class Restart(Exception):
    """The device has to start again, and why; no crash."""


class Keeper:
    """Lives as long as the device runs. `poll` is called in each pass of its loop.

    network, machine: the port's modules. secret(name): from NVS, or None. Memory: polling
    allocates nothing while all is as it was, but for the few packets of SNTP.
    """

    def __init__(self, network, machine, socket, board, settings, secret, ticks=time):
        self._machine = machine
        self._settings = settings
        self._board = board
        self._ticks = ticks
        self.agent = None
        self.cause = _CAUSES.get(machine.reset_cause(), "unknown")
        self.safe = False
        self.nic = Nic(network, board, settings, secret("wifi_key") or "", ticks)
        self.sntp = Sntp(settings["ntp"], self._dns, self._set_time, socket, ticks)
        self.updates = None
        if settings["update_url"] and settings["update_key"]:
            import updates

            self.updates = updates.Updates(settings, self._dns, socket, ticks)
        self._born = self._next = self._said = ticks.ticks_ms()
        self._told = ""  # the state of the network that was last printed
        self._reported = self._well = False
        self._first = ""  # the first address: what is bound is bound to it
        self._well_at = None
        self._working = False
        self._trial = slots.state()[2] is not None
        self._wdt = None
        if settings["watchdog_s"]:
            self._wdt = machine.WDT(timeout=settings["watchdog_s"] * 1000)

    def online(self):
        """Wait for an address, and for the time a little; returns the address.

        The watchdog is fed meanwhile, and the agent polled: for as long as it takes.
        """
        while not self.nic.up or not (
            self.sntp.is_set or self.sntp.failures or not self._settings["ntp"]
        ):
            self.poll()
            if self.agent:
                self.agent.poll()
            # In small steps only while the server of time is asked: they are its precision.
            self._ticks.sleep_ms(5 if self.nic.up else 100)
        return self.nic.address

    def turn(self, busy=False):
        """`poll` in the personality's loop: it works, and a minute later the device is well."""
        if not self._working:
            self._working = True
            if self.nic.up:
                self._well_at = self._ticks.ticks_ms()
        self.poll(busy)

    def poll(self, busy=False):
        """One step, which does not wait. Raises Restart. busy: what can wait, waits."""
        now = self._ticks.ticks_ms()
        if self.nic.up and self._settings["ntp"] and self.sntp.poll() and not self._reported:
            self._boot_report()
        if self._ticks.ticks_diff(now, self._next) < 0:
            return
        self._next = self._ticks.ticks_add(now, _PASS_MS)
        if self._past(now, _LONG_MS):
            self._born = self._ticks.ticks_add(now, -_LONG_MS)
        if self._wdt:
            self._wdt.feed()
        if self.nic.poll():
            self._changed()
        if self.nic.state not in (self._told, "connecting"):
            self._told = self.nic.state
            print("network: %s" % (self.nic.address if self.nic.up else self._told))
        if self.nic.up and not self._reported:
            if not self._settings["ntp"] or self.sntp.failures:
                self._boot_report()
        if not self._well:
            self._health(now)
        if self.updates and not busy:
            self._update()
        if self.safe and self._past(now, SAFE_MS):
            crash.again()
            raise Restart("an hour of safe mode is over")

    def report(self, why, facts):
        """Print a line of facts, and have the agent send it."""
        report.tell(self.agent, self.nic.address, report.line(why, facts))

    def at_console(self):
        """Somebody is at the prompt: the watchdog, which can not be stopped, waits an hour."""
        if self._wdt:
            self._machine.WDT(timeout=3600000)

    def restart(self, why):
        """Report it, give the packets a moment to leave, and reset."""
        self.report("restart", [("reason", why)])
        for _ in range(100):
            if self.agent:
                self.agent.poll()
            self._ticks.sleep_ms(10)
        self._machine.reset()

    def _past(self, now, ms):
        return self._ticks.ticks_diff(now, self._born) >= ms

    def _dns(self):
        return self.nic.dns()

    def _changed(self):
        if not self.nic.up:
            self._well_at = None
            return
        if self._first and self._first != self.nic.address:
            raise Restart("address was %s, is %s" % (self._first, self.nic.address))
        if self._working:
            self._well_at = self._ticks.ticks_ms()
        if self._first:
            self.report("network", [("state", "back"), ("losses", self.nic.losses)])
        self._first = self.nic.address
        self.sntp.soon()

    def _set_time(self, sec, us):
        t = time.gmtime(sec - _EPOCH)
        self._machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], us))
        if self.agent:
            self.agent.clock.set(sec, us)

    def _boot_report(self):
        import started

        self._reported = True
        started.tell(
            self,
            self._settings,
            self._board,
            self._ticks.ticks_diff(self._ticks.ticks_ms(), self._born),
        )
        sys.modules.pop("started", None)  # it is told once

    def _health(self, now):
        if self._well_at is not None and not self.safe:
            if self._ticks.ticks_diff(now, self._well_at) >= WELL_MS:
                self._well = True
                if slots.confirm():
                    self.report("confirmed", [("version", slots.version())])
                crash.over()
        elif self._trial and self._past(now, TRIAL_MS):
            raise Restart("the release on trial does not get well")

    def _update(self):
        said = self.updates.poll(self.nic.up)
        if said:
            self.report("update", [("result", said)])
        if self.updates.ready:
            raise Restart("update to %s" % self.updates.ready)
