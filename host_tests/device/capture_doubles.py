"""Stand-ins for the agent's tests: a link that keeps what it is given, ticks that stand still."""

from struct import pack

from uhep import Agent

CONFIG = {
    "capture_address": "127.0.0.1:9060",
    "capture_id": 12345,
    "capture_name": "esp32-01",
    "capture_password": "foobar",
}


class Ticks:
    """A tick source that tests move by hand; wraps at 2^30 as a board's does."""

    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now

    def pass_us(self, us):
        self.now = self.now + us & 0x3FFFFFFF


class Link:
    """Keeps each packet. `script`: what the next writes do: a length, None or an OSError."""

    def __init__(self, script=()):
        self.packets = []
        self.script = list(script)
        self.part = b""
        self.errors = self.refused = self.opened = self.unconfirmed = 0
        self.write = None

    def open(self):
        self.opened += 1
        self.write = self._write
        return True

    def failed(self, e):
        self.errors += 1

    def close(self):
        self.write = None

    def _write(self, buf, at, n):
        if self.script:
            does = self.script.pop(0)
            if isinstance(does, OSError):
                raise does
            if does is None:
                return None
            self.part += bytes(buf[at : at + does])
            return does
        self.packets.append(self.part + bytes(buf[at : at + n]))
        self.part = b""
        return n


def agent(ticks=None, script=(), **more):
    """An agent with a Link, its clock at 1767225600.123456 (2026-01-01 UTC)."""
    config = dict(CONFIG)
    config.update(more)
    made = Agent(config, ticks or Ticks(), Link(script))
    made.clock.set(1767225600, 123456)  # long before the host's clock: that is a jump
    return made


def chunks(packet):
    """[(type, body)] of a HEP packet: asserts that its lengths add up."""
    assert packet[:4] == b"HEP3", packet[:8]
    assert packet[4] << 8 | packet[5] == len(packet), (packet[4] << 8 | packet[5], len(packet))
    at, found = 6, []
    while at < len(packet):
        assert packet[at : at + 2] == b"\0\0"
        size = packet[at + 4] << 8 | packet[at + 5]
        assert size >= 6 and at + size <= len(packet)
        found.append((packet[at + 2] << 8 | packet[at + 3], packet[at + 6 : at + size]))
        at += size
    return found


def field(packet, kind):
    """The body of one chunk, or None."""
    for key, body in chunks(packet):
        if key == kind:
            return body


def stamp(packet):
    """(seconds, microseconds) as 8 octets in order, to be compared."""
    return field(packet, 9) + field(packet, 10)


def at(sec, us):
    return pack(">II", sec, us)


def drain(made):
    """Everything that is queued, sent: the packets."""
    while made.poll():
        pass
    packets = made.link.packets
    made.link.packets = []
    return packets
