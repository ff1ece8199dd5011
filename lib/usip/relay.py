"""A stateless proxy between phones and their server (RFC 3261 16.11): what goes where.

No sockets here: `take` says what becomes of one message. What the proxy has to know later
travels in what it writes into messages, sealed: where responses go in its Via, where the
phone is in its Record-Route and in the Contact that it registers (ways.py).
"""

import time

from micropython import const

from usip import header
from usip.lines import Lines
from usip.repeats import Repeats
from usip.ways import PHONE, Refused, Ways

_COOKIE = "z9hG4bK"
_ROUTED = const(("INVITE", "SUBSCRIBE", "REFER"))  # begin a dialog, which is to stay on this way
_NEEDED = ("via", "from", "to", "call-id", "cseq")
_REPEATS = const(16)

_REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    420: "Bad Extension",
    482: "Loop Detected",
    483: "Too Many Hops",
    503: "Service Unavailable",
    505: "Version Not Supported",
}


class Relay:
    """Takes messages from both sides and says where they go, changed as a proxy must.

    A phone's request that begins something goes to the server, whatever it asks for; one
    within a dialog goes by its route; a server's request goes to the phone whose Contact,
    Path or Record-Route it brings back. A malformed request is refused (400) if it has a Via
    to answer to; what has none, a malformed response, and what answers nothing of ours is
    dropped and counted.

    Memory: Ways, and at most 16 messages to be repeated (see Repeats). `relayed`, `answered`,
    `repeated` count messages, `malformed` and `foreign` what was dropped: no SIP, or nothing
    of ours.
    """

    def __init__(self, here, server, seal, path=False, clock=time):
        """here: (host, port) of this proxy for PHONE and SERVER. server: a hop.

        seal: a Seal. path: register with Path (RFC 3327), not with a Contact of our own.
        """
        self.ways = Ways(here, server, seal)
        self.relayed = self.answered = self.repeated = self.malformed = self.foreign = 0
        self._seal = seal
        self._path = path
        self._repeats = Repeats(_REPEATS, clock)

    def take(self, data, source):
        """What becomes of a message: (octets, hop, spare), or None if that is nothing.

        spare: (host, port) that takes a connection where the one of the hop is no more, or
        None. Raises nothing.
        """
        try:
            message = Lines(data)
            if message.status:
                return self._response(message, source)
            return self._request(message, source)
        except (ValueError, IndexError):
            self.malformed += 1
            return None

    def unsent(self, data):
        """There was no way to the next hop for these octets: the 503 of it, as `take`."""
        message = Lines(data)
        if message.status or message.method == "ACK":
            return None
        reply = self._origin(message)
        message.pop("via")
        return self._answer(message, 503, reply, "") if reply[0] else None

    def poll(self, send):
        """Calls send(octets, hop) for what is to be sent once more."""

        def again(data, hop):
            self.repeated += 1
            send(data, hop)

        self._repeats.poll(again)

    # Requests (16.3 to 16.6).

    def _request(self, m, source):
        via = m.get("via")
        reply = _stamp(m, via, source)
        branch, method = self._branch(m, via), m.method
        if method == "ACK":
            self._repeats.settle((branch, "INVITE"))
            if header.param(m.get("to") or "", "tag") == self._tag(branch):
                return None  # of an answer of our own
        elif not source[1]:
            before = self._repeats.find((branch, method))
            if before:
                self.repeated += 1
                return before + (None,)
        try:
            self._check(m, branch)
            hop, spare = self.ways.target(m, source)
            if hop[2:] in self.ways.here:
                raise Refused(482)
        except Refused as why:
            return self._answer(m, why.args[0], reply, branch)
        self._edit(m, source, hop)
        m.push("via", self.ways.via(hop, branch, reply[0]))
        self.relayed += 1
        data = m.encode()
        if source[1] and not hop[1] and method != "ACK":
            self._repeats.put((branch, method), data, hop)
        return data, hop, spare

    def _check(self, m, branch):
        if m.fault:
            raise Refused(m.fault)
        for name in _NEEDED:
            if not m.get(name):
                raise Refused(400)
        hops = m.get("max-forwards")
        if hops is not None and not hops.isdigit():
            raise Refused(400)
        if hops is not None and int(hops) == 0:
            raise Refused(483)
        if m.get("proxy-require"):
            raise Refused(420)
        for via in m.all("via"):  # 16.3.4: the same request, and we have seen it before
            seen = (header.param(via, "branch") or "")[-8:]
            if seen == branch[-8:] and self.ways.unseal(via)[0]:
                raise Refused(482)

    def _branch(self, m, via):
        # The same for all requests of one transaction (16.11), and its last 8 digits for all
        # requests that ask for the same thing in the same way.
        given = header.param(via, "branch") or ""
        seq = (m.get("cseq") or "").split(None, 1)
        call = "%s|%s|%s" % (m.get("call-id"), m.get("from"), seq and seq[0])
        if given.startswith(_COOKIE) and given != _COOKIE:
            one = given + via.split(";", 1)[0]
        else:  # a sender of RFC 2543 times
            one = call + via
        asked = "%s|%s|%s" % (call, m.uri, m.all("route"))
        return _COOKIE + self._seal.digest(one + asked, 6) + self._seal.digest(asked, 4)

    def _edit(self, m, source, hop):
        hops = m.get("max-forwards")
        if hops is None:
            m.add("max-forwards", "70")
        else:
            m.replace("max-forwards", "%d" % (int(hops) - 1))
        if m.method in _ROUTED and not header.param(m.get("to"), "tag"):
            self.ways.record(m, source, hop)
        elif m.method == "REGISTER" and source[0] == PHONE:
            if self._path:
                self.ways.path(m, source, hop)
            else:
                self.ways.register(m, source, hop)

    # Responses (16.7), and answers of our own.

    def _response(self, m, source):
        if m.fault:
            raise ValueError("a wrong Content-Length")
        hop, spare = self._origin(m)
        key = header.param(m.get("via") or "", "branch"), (m.get("cseq") or "").split()[-1]
        m.pop("via")
        if not hop or not m.get("via"):
            self.foreign += 1
            return None
        if key[1] == "REGISTER" and m.status < 300:
            self.ways.registered(m)
        self.relayed += 1
        data = m.encode()
        self._responded(key, m.status, data, source, hop)
        return data, hop, spare

    def _origin(self, m):
        # Where the request came from whose top Via is ours: (hop, spare).
        vias = m.all("via")
        hop, _ = self.ways.unseal(vias[0]) if vias else (None, "")
        if not hop or not hop[1] or len(vias) < 2:
            return hop, None
        try:
            return hop, (hop[2], _sent_by(vias[1])[1])
        except (ValueError, IndexError):
            return hop, None

    def _responded(self, key, status, data, source, hop):
        invite = key[1] == "INVITE"
        if source[1] and not hop[1]:
            if invite and status >= 300:
                self._repeats.put(key, data, hop)
            elif not invite and status >= 200:
                self._repeats.put(key, data, hop, False)
        elif invite or status >= 200:
            self._repeats.drop(key)
        else:
            self._repeats.slow(key)

    def _answer(self, m, status, reply, branch):
        # 8.2.6, without state (8.2.7). An ACK is never answered.
        if m.method == "ACK":
            self.malformed += 1
            return None
        lines = [("SIP/2.0 %d %s" % (status, _REASONS[status])).encode()]
        for name, line in m.fields:
            if name == "to" and header.param(m.get("to"), "tag") is None:
                line += b";tag=" + self._tag(branch).encode()
            if name in _NEEDED:
                lines.append(line)
        if status == 420:
            lines.append(b"Unsupported: " + m.get("proxy-require").encode())
        lines.append(b"Content-Length: 0\r\n\r\n")
        self.answered += 1
        return (b"\r\n".join(lines),) + reply

    def _tag(self, branch):
        return self._seal.digest("tag" + branch, 4)


def _sent_by(via):
    return header.host_port(header.split(via, ";")[0].split(None, 1)[1])


def _stamp(m, via, source):
    """Writes into the top Via where the request came from (18.2.1, RFC 3581).

    Where its responses go, as (hop, spare). ValueError or IndexError if there is no Via.
    """
    host, port = _sent_by(via or "")
    rport = header.param(via, "rport") is not None
    parts = header.split(via, ";")
    parts = [part for part in parts if part[:5].lower() != "rport"]
    if rport or host != source[2]:
        parts.append("received=" + source[2])
    if rport:
        parts.append("rport=%d" % source[3])
    m.replace("via", ";".join(parts))
    if source[1]:
        return source, (source[2], port)
    return (source if rport else source[:3] + (port,)), None
