"""A probe for phones that can not be changed: their outbound proxy, which captures both legs."""

import json
import os
import time

import port
from micropython import const
from streams import Streams
from uhep.tap import tap
from usip import header, net
from usip.relay import Relay
from usip.seal import Seal
from usip.ways import PHONE, SERVER

_BURST = const(8)  # datagrams of one socket in one pass
_AGAIN_MS = const(5000)  # until the server's name is looked up once more
_LOOK_MS = const(100)


def run(settings, agent):
    """Runs the probe until its settings say that it is done, then prints its counts as JSON.

    `agent` is the capture agent, or None.
    """
    probe = Probe(settings, agent, port.online(settings), secret("probe.key"))
    while probe.poll():
        port.poll()
        time.sleep_ms(1)
    print(json.dumps(probe.counts()))


def secret(path):
    """16 octets that stay the same for ever, from a file that is made if there is none.

    Without a file system to write to, phones have to register again after a restart.
    """
    try:
        with open(path, "rb") as file:
            key = file.read()
        if len(key) == 16:
            return key
    except OSError:
        pass
    key = os.urandom(16)
    try:
        with open(path, "wb") as file:
            file.write(key)
    except OSError as error:
        print("%s: not written: %s" % (path, error))
    return key


class Probe:
    """Sockets for both sides, UDP and TCP, and between them a Relay.

    OSError when its ports are taken.
    """

    def __init__(self, settings, agent, address, key, clock=time):
        """key: of the Seal."""
        self.settings = settings
        self.agent = agent
        self.relay = None
        self.received = self.sent = self.failed = 0
        self._clock = clock
        self._address = address
        self._seal = Seal(key)
        self._born = self._looked = clock.ticks_ms()
        ports = (settings["sip_port"], settings["server_port"])
        self._here = [(address, number) for number in ports]
        self._udp = []
        for side in (PHONE, SERVER):
            sock = net.udp(*self._here[side])
            ready = net.ready(sock)
            if agent:
                sock = tap(sock, agent, self._here[side])
            self._udp.append((sock, ready))
        self.streams = Streams(
            self,
            address,
            ports,
            agent,
            settings["connections"],
            settings["message_bytes"],
            settings["idle_s"],
            clock,
        )
        print("%s is at %s:%d for phones" % ((settings["name"],) + self._here[PHONE]))
        self._find_server()

    def poll(self):
        """One pass of the device's loop. False when it has done what it was to do."""
        for side in (PHONE, SERVER):
            self._receive(side)
        self.streams.poll()
        if self.agent:
            self.agent.poll()
        now = self._clock.ticks_ms()
        if self._clock.ticks_diff(now, self._looked) >= (_LOOK_MS if self.relay else _AGAIN_MS):
            self._looked = now
            if self.relay:
                self.relay.poll(self.send)
            else:
                self._find_server()
        ends = self.settings["quit_after_ms"]
        return not ends or self._clock.ticks_diff(now, self._born) < ends

    def send(self, data, hop, spare=None):
        """Sends octets to a hop of the relay's."""
        if hop[1]:
            self.streams.send(data, hop, spare)
            return
        try:
            self._udp[hop[0]][0].sendto(data, net.resolve(hop[2], hop[3]))
            self.sent += 1
        except OSError:  # to UDP, lost on the way
            self.failed += 1

    def on_message(self, data, hop):
        """A message has come from a hop."""
        self.received += 1
        try:
            goes = self.relay and self.relay.take(data, hop)
            if goes:
                self.send(*goes)
        except MemoryError:  # as good as lost on the way
            self.failed += 1
        if self.agent:  # at once: its ring holds few messages, and here each is captured twice
            self.agent.poll()

    def on_unsent(self, data):
        """There was no connection for these octets."""
        self.failed += 1
        goes = self.relay.unsent(data)
        if goes:
            self.send(*goes)

    def close(self):
        self.streams.close()
        for sock, _ in self._udp:
            sock.close()

    def counts(self):
        """What the probe has to tell of itself, as a dict (its keys: firmware/README.md)."""
        relay = self.relay
        return {
            "device": self.settings["name"],
            "sip_port": self.settings["sip_port"],
            "messages": {"received": self.received, "sent": self.sent, "failed": self.failed},
            "relay": relay
            and {
                "relayed": relay.relayed,
                "answered": relay.answered,
                "repeated": relay.repeated,
                "malformed": relay.malformed,
                "foreign": relay.foreign,
            },
            "tcp": {
                "open": len(self.streams),
                "accepted": self.streams.accepted,
                "connected": self.streams.connected,
                "closed": self.streams.closed,
            },
            "heap_used": port.heap_used(),
            "capture": self.agent.stats() if self.agent else None,
        }

    def _find_server(self):
        settings = self.settings
        try:
            where = net.unpack(net.resolve(*header.host_port(settings["server"])))
        except (OSError, ValueError) as error:
            print("%s: no way to server %s: %s" % (settings["name"], settings["server"], error))
            return
        server = (SERVER, settings["server_transport"] == "tcp") + where
        print(
            "%s is at %s:%d for server %s"
            % ((settings["name"],) + self._here[SERVER] + (settings["server"],))
        )
        self.relay = Relay(
            self._here, server, self._seal, settings["register"] == "path", self._clock
        )

    def _receive(self, side):
        sock, ready = self._udp[side]
        for _ in range(_BURST):
            if not ready():
                return
            received = _taken(sock, self.settings["message_bytes"])
            if received and len(received[0]) > 4:  # less is a keep-alive
                self.on_message(received[0], (side, False) + net.unpack(received[1]))


def _taken(sock, octets):
    try:
        return sock.recvfrom(octets)
    except (OSError, MemoryError):  # nothing after all, ICMP about an earlier one, no room
        return None
