"""The device's network interface: brought up, watched, and brought up again."""

import time

from micropython import const

_FIRST_WAIT_MS = const(1000)  # after a failure; doubles up to
_MOST_WAIT_MS = const(30000)
_PATIENCE_MS = const(30000)  # for a link that is there to get an address
_LOOK_MS = const(20000)  # between two looks at the address: DHCP may give another
_TRIES = const(10)  # in a row that fail: then the radio is switched off and on


class Nic:
    """Wi-Fi or Ethernet, as board.json says: `poll` makes one small step and never waits.

    up: whether there is an address, which is then in `address`; state: why not, in a word or
    two. The driver does not try again by itself: it would never say what is wrong.
    """

    def __init__(self, network, board, settings, key, ticks=time):
        """network: the port's module, with `Pin` and `SPI` of `machine` for Ethernet.

        key: the Wi-Fi key, "" for an open network. Nothing is brought up yet.
        """
        self._network = network
        self._board = board.get("network") or {"kind": "wifi"}
        self._settings = settings
        self._key = key
        self._ticks = ticks
        self._nic = None
        self._since = self._at = ticks.ticks_ms()
        self._trying = False
        self._wait_ms = _FIRST_WAIT_MS
        self._failed = 0  # in a row
        self.up = False
        self.address = ""
        self.state = "starting"
        self.tries = 0  # since the start
        self.losses = 0  # how often it was up and went down

    def poll(self):
        """One step. True when `up` or `address` has changed."""
        try:
            return self._step()
        except (OSError, RuntimeError, ValueError) as error:  # as the drivers raise them
            return self._fail(str(error) or type(error).__name__)

    def dns(self):
        """The DNS server of the network; "" if none is known."""
        return self._nic.ifconfig()[3] if self.up else ""

    def _step(self):
        now = self._ticks.ticks_ms()
        if self.up:
            if self._nic.isconnected():
                return self._moved(now)
            self.up = False
            self.losses += 1
            self._trying = False
            self._at = now
            self.state = "lost: " + self._reason()
            return True
        if not self._trying:
            if self._ticks.ticks_diff(now, self._at) >= 0:
                self._begin(now)
            return False
        if self._nic.isconnected():
            return self._arrived()
        if self._wifi() and self._nic.status() not in (
            self._network.STAT_CONNECTING,
            self._network.STAT_IDLE,
            self._network.STAT_GOT_IP,
        ):
            return self._fail(self._reason())
        if self._ticks.ticks_diff(now, self._since) >= _PATIENCE_MS:
            return self._fail("no link" if self._linkless() else "no address by DHCP")
        return False

    def _begin(self, now):
        self._trying = True
        self._since = now
        self.tries += 1
        self.state = "connecting"
        if self._wifi():
            if not self._settings["wifi_ssid"]:
                raise ValueError("wifi_ssid is not set")
            if not self._nic:
                self._nic = self._network.WLAN(self._network.WLAN.IF_STA)
            if not self._nic.active():
                self._name()
                self._nic.active(True)
                # Modem sleep would hold packets back for up to a second.
                self._nic.config(pm=self._nic.PM_NONE)
                self._nic.config(reconnects=0)
                self._static()
            self._nic.connect(self._settings["wifi_ssid"], self._key or None)
        elif not self._nic:
            self._name()
            from lan import make  # nothing that a device with Wi-Fi would have to hold

            nic = make(self._network, self._board)
            nic.active(True)
            self._nic = nic
            self._static()

    def _name(self):
        self._network.hostname(self._settings["name"][:32])

    def _static(self):
        s = self._settings
        if s["gateway"] and s["address"] != "127.0.0.1":  # of a device.json that is wrong
            dns = s["dns"] or s["gateway"]
            self._nic.ifconfig((s["address"], s["netmask"], s["gateway"], dns))

    def _moved(self, now):
        if self._ticks.ticks_diff(now, self._since) < _LOOK_MS:
            return False
        self._since = now
        was, self.address = self.address, self._nic.ifconfig()[0]
        return was != self.address

    def _arrived(self):
        self.up = True
        self._since = self._ticks.ticks_ms()
        self.address = self._nic.ifconfig()[0]
        self.state = "up"
        self._wait_ms = _FIRST_WAIT_MS
        self._failed = 0
        return True

    def _fail(self, why):
        # Waits, longer each time, and has another go.
        was = self.up
        self.up = self._trying = False
        self.state = why
        self._failed += 1
        self._at = self._ticks.ticks_add(self._ticks.ticks_ms(), self._wait_ms)
        self._wait_ms = min(2 * self._wait_ms, _MOST_WAIT_MS)
        if self._nic and self._wifi():
            try:
                self._nic.disconnect()
                if self._failed % _TRIES == 0:
                    self._nic.active(False)
            except OSError:
                pass  # it was not connected
        return was

    def _wifi(self):
        return self._board["kind"] == "wifi"

    def _linkless(self):
        return not self._wifi() and self._nic.status() != self._network.ETH_CONNECTED

    def _reason(self):
        if not self._wifi():
            return "no link"
        n = self._network
        status = self._nic.status()
        # 15: the port hands reasons of ESP-IDF through that have no name of their own.
        if status in (n.STAT_WRONG_PASSWORD, n.STAT_HANDSHAKE_TIMEOUT, 15):
            return "the key of %s is wrong" % self._settings["wifi_ssid"]
        if status in (210, 211):  # there is one, but of another security
            if self._key:
                return "%s wants no key, or one of another kind" % self._settings["wifi_ssid"]
            return "%s wants a key, but wifi_key is not set" % self._settings["wifi_ssid"]
        if status in (n.STAT_NO_AP_FOUND, 212):
            return "no access point %s" % self._settings["wifi_ssid"]
        if status == n.STAT_BEACON_TIMEOUT:
            return "the access point is gone"
        return "Wi-Fi status %s" % status
