# Part of uhep, MIT licence.
"""RTCP of a call as HEP type 5: what a stack sends and receives, as JSON that Homer draws."""

from uhep import RTCP as _KIND
from uhep import UDP
from uhep.jsontext import Json, fits
from uhep.port import const
from uhep.rtcpcheck import KINDS, SDES, SR, XR, check, following
from uhep.rtcpjson import Members
from uhep.rtcppeer import Peer

_RR = const(201)
_FEEDBACK = (205, 206)
_LEAST = const(1000)  # octets of payload


class Rtcp:
    """Queues the RTCP of one call on `agent`. One for each call.

    rtcp = Rtcp(agent)
    rtcp.cid = b"the call's Call-ID"
    flow = rtcp.flow(("192.0.2.10", 4001), ("192.0.2.20", 5001))  # the RTCP ports
    rtcp.capture(flow, IN, buf, n)

    A datagram becomes one packet; only one with reports of two senders becomes several. It
    is judged whole: if its lengths do not add up nothing of it is sent, and `counts` has one
    more of what it was (uhep.rtcpcheck.KINDS; "secure" and "srtcp" can not be read; "rtp"
    is what comes on a port that RTP and RTCP share). "unknown" counts packets of other types
    in it, "again" those of a type that it had already, "cut" what did not fit.

    It is an agent to `uhep.tap.tap(sock, rtcp, local, kind=RTCP)`, which captures what goes
    over a socket: the RTCP port's, or the one that RTP and RTCP share.

    What the other end says of us stands in `peer`: see uhep.rtcppeer.Peer.

    Memory: 2 KB for the JSON, unless one is given to share, and some 300 octets; capturing
    allocates nothing.
    """

    def __init__(self, agent, json=None):
        """json: a Json that no other call uses at the same time, or None to make one.

        agent.options: `rtcp_style`, `rtcp_rr_compat`. Raises ValueError if the agent's
        max_packet leaves less than 1000 octets for the payload.
        """
        limit = agent.ring.st[8] - 400  # header, key, name, correlation id
        if limit < _LEAST:
            raise ValueError("max_packet: RTCP reports need at least %d" % (_LEAST + 400))
        options = agent.options or {}
        self.agent = agent
        self.json = json or Json(min(limit, 2048))
        self.cid = None
        self.secure = False  # SRTCP was agreed on
        self.peer = Peer(agent.ticks)
        if options.get("rtcp_style") == "asterisk":
            from uhep.rtcpasterisk import Asterisk

            self.members = Asterisk(self.json)
        else:
            self.members = Members(self.json, options.get("rtcp_rr_compat", False))
        self.counts = {}
        for kind in KINDS + ("unknown", "again", "cut", "sent", "dropped"):
            self.counts[kind] = 0

    @property
    def enabled(self):
        return self.agent.enabled

    @property
    def flows(self):
        return self.agent.flows

    def flow(self, local, remote, proto=UDP, kind=_KIND, chunks=(), mode=None):
        """A flow between the RTCP addresses of the call; as Agent.flow."""
        return self.agent.flow(local, remote, proto, kind, chunks, mode)

    def capture(self, flow, way, buf, n, cid=None):
        """Queue the datagram buf[:n]: True if a packet of it was queued.

        cid: correlation id, in place of `cid`.
        """
        if not self.agent.enabled:
            return False
        if n > len(buf):
            n = len(buf)
        kind = check(buf, n)
        if self.secure and kind != "rtp" and kind != "stun":
            kind = "secure"
        if kind:
            self.counts[kind] += 1
            return False
        self._flow = flow
        self._way = way
        self._id = self.cid if cid is None else cid
        self._open = self._queued = False
        n = self._walk(buf, n)
        if self._open:
            self._close()
        return self._queued

    def _walk(self, buf, n):
        at = 0
        while at < n:
            kind = buf[at + 1]
            if kind == SR or kind == _RR:
                if self._open:
                    self._close()
                self._open = True
                self.members.begin()
                self.peer.report(self._way, buf, at)
                at = self.members.report(self._way, buf, at, n)
            else:
                self._other(kind, buf, at)
                at = following(buf, at)
        return at

    def _other(self, kind, buf, at):
        if kind in _FEEDBACK:
            return
        if not SDES <= kind <= XR:
            self.counts["unknown"] += 1
            return
        if not self._open:
            if not self.members.alone:
                return
            self._open = True
            self.members.begin()
        if kind == XR:
            self.peer.extended(self._way, buf, at)
        if not self.members.more(kind, buf, at):
            self.counts["again"] += 1

    def _close(self):
        self._open = False
        self.members.end()
        json = self.json
        cid = self._id or self.agent._cid or b""  # that of agent.channel
        whole = not json.full and fits(json.n, self.agent, self._flow, cid)
        if self.members.left_out or not whole:
            self.counts["cut"] += 1
        if not whole:
            return
        if self.agent.capture(self._flow, self._way, json.buf, json.n, cid):
            self.counts["sent"] += 1
            self._queued = True
        else:
            self.counts["dropped"] += 1
