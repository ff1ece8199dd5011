"""Finds servers by DNS without waiting: SRV and A records (RFC 3263, RFC 2782, RFC 1035).

Imported by devices that know a DNS server.
"""

import struct

from micropython import const

from usip import net

_A = const(1)
_SRV = const(33)
_AGAIN_MS = const(1000)
_TRIES = const(5)
_NAMES = const(4)
_LEAST_S = const(30)
_MOST_S = const(3600)
_FAILED_S = const(30)


class Resolver:
    """Asks `server`, the address of a DNS server as text. At most 4 names are remembered.

    `ask(server)` gives (socket, ready, address) to ask with, for tests. `clock` as in
    UserAgent. Each name is kept for as long as DNS says, between 30 s and an hour.
    """

    def __init__(self, server, clock, ask=None):
        self._server = server
        self._clock = clock
        self._ask = ask or _socket
        self._names = []  # what is known or asked, the latest last
        self._down = []  # what has not answered, the latest last
        self._down_until = 0

    def find(self, host, port, kind):
        """(address, port) for a host; without a `port`, its SRV records for `kind` are asked.

        None: not known yet, ask again in the next poll. OSError: DNS does not know, or does not
        answer within 5 s.
        """
        name = "%s:%s:%s" % (host, port or "", kind if not port else "")
        for each in self._names:
            if each.name == name:
                break
        else:
            each = _Name(name, host, port, kind)
            self._names = self._names[1 - _NAMES :] + [each]
        now = self._clock.ticks_ms()
        if each.until is not None and not self._to_come(now, each.until, _MOST_S * 1000):
            each.begin()
        if each.until is None:
            self._go_on(each, now)
        if each.until is None:
            return None
        if not each.found:
            raise OSError("DNS does not know " + host)
        return each.found[0]

    def failed(self, where):
        """(address, port) does not answer: for an hour what else there is is tried first."""
        self._down = [each for each in self._down if each != where][1 - _NAMES :] + [where]
        self._down_until = self._clock.ticks_add(self._clock.ticks_ms(), _MOST_S * 1000)
        for each in self._names:
            self._order(each)

    def _order(self, each):
        found = each.found
        each.found = [where for where in found if where not in self._down]
        each.found += [where for where in self._down if where in found]

    def _go_on(self, each, now):
        try:
            if not each.sock:
                each.ask(self._ask(self._server), now, self._clock)
            answer = each.listen()
        except (OSError, ValueError):
            each.end()
            self._settle(each, _FAILED_S)
            return
        if answer is not None:
            each.take(answer)
            if each.todo is None:
                self._settle(each, each.seconds)
        elif not self._to_come(now, each.again, _AGAIN_MS):
            each.tries += 1
            if each.tries == _TRIES:
                each.end()
                self._settle(each, _FAILED_S)
            else:
                each.send(now, self._clock)

    def _to_come(self, now, then, most_ms):
        # Ticks wrap: what seems to be further away was long ago.
        return -most_ms <= self._clock.ticks_diff(now, then) < 0

    def _settle(self, each, seconds):
        if not each.found:
            seconds = _FAILED_S
        seconds = min(max(seconds, _LEAST_S), _MOST_S)
        now = self._clock.ticks_ms()
        each.until = self._clock.ticks_add(now, seconds * 1000)
        if not self._to_come(now, self._down_until, _MOST_S * 1000):
            self._down = []
        self._order(each)


class _Name:
    """One name: what DNS is asked for it, and what came of it."""

    def __init__(self, name, host, port, kind):
        self.name = name
        self.host = host
        self.port = port
        self.kind = kind
        self.found = []
        self.sock = None
        self.begin()

    def begin(self):
        """Asks anew; what was found stays in use until then."""
        self.until = None
        self.seconds = _MOST_S
        self.targets = []  # (host, port) in order
        self.todo = (
            (_A, self.host) if self.port else (_SRV, "_sip._%s.%s" % (self.kind, self.host))
        )
        self.fresh = []

    def ask(self, way, now, clock):
        self.sock, self.ready, self.address = way
        self.tries = 0
        self.question = _question(*self.todo)
        self.send(now, clock)

    def send(self, now, clock):
        self.again = clock.ticks_add(now, _AGAIN_MS)
        self.sock.sendto(self.question, self.address)

    def listen(self):
        """The records of the answer as (type, seconds, data), or None if there is none yet."""
        if not self.ready():
            return None
        data, source = self.sock.recvfrom(512)
        head = len(self.question)
        if (
            source != self.address
            or data[:2] != self.question[:2]
            or data[12:head].lower() != self.question[12:].lower()
        ):
            return None  # not to us
        return list(_records(data, head))

    def take(self, records):
        """Goes on from SRV to the addresses of each target."""
        self.end()
        kind = self.todo[0]
        records = [each for each in records if each[0] == kind]
        for each in records:
            self.seconds = min(self.seconds, each[1])
        if kind == _SRV:
            self.targets = _ordered([each[2] for each in records]) or [(self.host, 5060)]
        else:
            port = self.targets.pop(0)[1] if self.targets else self.port
            self.fresh += [(each[2], port) for each in records]
        if self.targets:
            self.todo = (_A, self.targets[0][0])
        else:
            self.todo = None
            self.found = self.fresh

    def end(self):
        if self.sock:
            self.sock.close()
            self.sock = None


def _socket(server):
    host, _, port = server.partition(":")
    sock = net.udp("0.0.0.0", 0)
    return sock, net.ready(sock), net.resolve(host, int(port or 53))


def _question(kind, name):
    labels = [label.encode() for label in name.strip(".").split(".")]
    if not all([0 < len(label) < 64 for label in labels]):
        raise ValueError("no host name: " + name)
    name = b"".join([bytes((len(label),)) + label for label in labels])
    # Recursion desired, one question, class IN.
    head = struct.pack(">HHHHHH", int(net.token(2), 16), 0x0100, 1, 0, 0, 0)
    return head + name + struct.pack(">BHH", 0, kind, 1)


def _records(data, at):
    """The answers in a DNS message, from `at` on; nothing if it is an error or cut short."""
    if len(data) < 12 or data[3] & 15:
        return
    for _ in range(data[6] << 8 | data[7]):
        at = _name(data, at)[1]
        if at + 10 > len(data):
            return
        kind, _, high, low, size = struct.unpack_from(">HHHHH", data, at)
        at += 10
        if at + size > len(data):
            return
        seconds = _MOST_S if high else low
        if kind == _A and size == 4:
            yield kind, seconds, "%d.%d.%d.%d" % tuple(data[at : at + 4])
        elif kind == _SRV and size > 6:
            yield kind, seconds, struct.unpack_from(">HHH", data, at) + _name(data, at + 6)[:1]
        at += size


def _name(data, at):
    """(the name at an offset, the offset behind it); pointers are followed, 16 at most."""
    labels = []
    end = None
    for _ in range(128):
        size = data[at] if at < len(data) else 0
        if size >= 0xC0 and at + 1 < len(data):
            if end is None:
                end = at + 2
            at = (size & 0x3F) << 8 | data[at + 1]
        elif size:
            labels.append(bytes(data[at + 1 : at + 1 + size]))
            at += 1 + size
        else:
            break
    return b".".join(labels).decode(), at + 1 if end is None else end


def _ordered(records):
    """(host, port) of SRV records: by priority, within one at random by weight (RFC 2782)."""
    weighed = []
    for priority, weight, port, host in records:
        if host:
            # Smallest first: a larger weight makes a small number likelier.
            chance = int(net.token(2), 16) // (weight + 1)
            weighed.append((priority, chance, host, port))
    return [(host, port) for _, _, host, port in sorted(weighed)]
