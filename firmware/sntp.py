"""The time by SNTP (RFC 4330, packets of RFC 5905), with fractions and the way's half."""

import time
from random import getrandbits
from struct import unpack_from

from micropython import const
from uhep.dns import Resolver

_PORT = const(123)
_ANSWER_MS = const(2000)
_FAR_US = const(1000000)  # an answer that took longer is not used: its error is up to half of that
_FIRST_MS = const(2000)  # after a failure; doubles up to
_EVERY_MS = const(1024000)
_SINCE_1900 = const(2208988800)


class Sntp:
    """Asks one server, again and again; `poll` makes one step and does not wait.

    status: the last outcome in words; is_set: whether it has ever answered; rtt_us: of the
    last answer, without what the server took. The name is looked up by the DNS server that
    dns() gives, by questions of our own: the port's own lookup would wait.
    """

    def __init__(self, server, dns, set_time, socket, ticks=time):
        """set_time(seconds since 1970, microseconds). server: a name or an IPv4 address."""
        self._server = server
        self._dns = dns
        self._set = set_time
        self._socket = socket
        self._ticks = ticks
        self._resolver = self._sock = None
        self._due = ticks.ticks_ms()
        self._wait_ms = _FIRST_MS
        self.status = "never asked"
        self.is_set = False
        self.rtt_us = 0
        self.failures = 0  # in a row

    def poll(self):
        """One step. True when the time was set by it. Raises nothing that the network causes."""
        if not self._sock and self._ticks.ticks_diff(self._ticks.ticks_ms(), self._due) < 0:
            return False
        try:
            if not self._sock:
                self._ask()
                return False
            return self._answer()
        except OSError as error:
            self._again(str(error))
            return False

    def soon(self):
        """Ask now: the network has come back."""
        self._close()
        self._due = self._ticks.ticks_ms()
        self._wait_ms = _FIRST_MS

    def _ask(self):
        if not self._resolver:
            self._resolver = Resolver(self._dns() or "0.0.0.0")
        host = self._resolver.find(self._server)
        if not host:
            return
        self._resolver = None
        info = self._socket.getaddrinfo(host, _PORT, 0, self._socket.SOCK_DGRAM)[0]
        sock = self._socket.socket(info[0], info[1])
        sock.setblocking(False)
        self._sock = sock
        # The transmit time is a number that only the server can know: it comes back with the
        # answer, and tells it from one that somebody made up.
        self._mark = bytes([getrandbits(8) for _ in range(8)])
        sock.sendto(b"\x23" + bytes(39) + self._mark, info[-1])
        self._sent = self._ticks.ticks_us()
        self._asked = self._ticks.ticks_ms()

    def _answer(self):
        try:
            data = self._sock.recv(68)
        except OSError as error:
            if error.errno != 11:
                raise
            data = None
        if data:
            now = self._ticks.ticks_us()
            fault = self._fault(data)
            if fault is None:
                return self._take(data, self._ticks.ticks_diff(now, self._sent))
            if fault:
                raise OSError(fault)
        if self._ticks.ticks_diff(self._ticks.ticks_ms(), self._asked) >= _ANSWER_MS:
            raise OSError("no answer")
        return False

    def _fault(self, data):
        # None: a good answer; "": not an answer to our question at all.
        if len(data) < 48 or data[24:32] != self._mark or data[0] & 7 != 4:
            return ""
        if data[1] == 0:
            if data[12:16] == b"RATE":
                self._wait_ms = _EVERY_MS
            return "the server refuses: %s" % bytes([c & 127 for c in data[12:16]]).decode()
        if data[0] >> 6 == 3 or data[1] > 15 or data[40:44] == bytes(4):
            return "the server has no time itself"
        return None

    def _take(self, data, took_us):
        received, fraction, sent, sent_fraction = unpack_from(">4I", data, 32)
        us = (sent_fraction * 1000000) >> 32
        self.rtt_us = took_us - ((sent - received) * 1000000 + us - (fraction * 1000000 >> 32))
        if not 0 <= self.rtt_us <= _FAR_US:
            raise OSError("the answer took %d ms" % (took_us // 1000))
        us += self.rtt_us // 2
        # From 2036 on the seconds count from there, and are small.
        seconds = sent - _SINCE_1900 if sent & 0x80000000 else sent + 0x100000000 - _SINCE_1900
        self._close()
        self._set(seconds + us // 1000000, us % 1000000)
        self.is_set = True
        self.failures = 0
        self.status = "ok"
        self._wait_ms = _FIRST_MS
        self._due = self._ticks.ticks_add(self._ticks.ticks_ms(), _EVERY_MS // 2)
        return True

    def _again(self, why):
        self._close()
        self.failures += 1
        self.status = why
        self._due = self._ticks.ticks_add(self._ticks.ticks_ms(), self._wait_ms)
        self._wait_ms = min(2 * self._wait_ms, _EVERY_MS // 2)

    def _close(self):
        self._resolver = None
        if self._sock:
            self._sock.close()
            self._sock = None
