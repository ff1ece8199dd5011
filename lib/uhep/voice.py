# Part of uhep, MIT licence.
"""How a call sounds: MOS of what is heard, and the reports on it to the collector."""

from struct import pack_into

from uhep import IN, OUT, QOS
from uhep.bursts import share
from uhep.chunks import JITTER, MOS, R_FACTOR
from uhep.emodel import mos, rating
from uhep.jsontext import Json, fits
from uhep.port import const, ticks_diff, ticks_ms
from uhep.qosjson import Qos

_UNKNOWN = const(127)
_LEVELS = b"\x7f\x7f\x7f\x10"  # signal, noise and echo: not measured; Gmin
_PLC = const(3)  # of RFC 3611 4.7.5: standard; 1: disabled
_NO_PLC = const(1)


class Voice:
    """One call's quality. `stats` is the RtpStats of what is heard, by the ticks of the agent
    (ticks_us), `rtcp` the call's Rtcp.

    voice = Voice(agent, stats, rtcp, ("192.0.2.10", 4000), ("192.0.2.20", 5000))
    voice.poll()   # in the device's loop
    voice.final()  # when the call is over: a report of each direction

    Reports are HEP type 34 with the keys that Homer draws, MOS, R and jitter (ms) in chunks
    too, and with the configuration's `quality_text` type 35 as well (RFC 6035). With
    `quality_s` there is one of each direction every so many seconds. Of the outgoing
    direction there is one only if the other end's RTCP has told of it.

    `mos`, `r` are conversational, `mos_listening`, `r_listening` without the delay; x100, and
    0 as long as nothing was heard. `mos_least`, `mos_mean`, `r_least`, `r_mean` are of the
    values at each report. `cut` counts reports that were not sent since `max_packet` leaves no
    room for them. The player says in `sent` how many packets it has sent, and in
    `local_ms` what it adds to the delay of the way: a packet's length, the jitter buffer, the
    audio's own buffers.

    Memory: two flows and some names, 2 KB in all; poll and update allocate nothing, apart
    from a type 35.
    """

    def __init__(self, agent, stats, rtcp, local, remote, codec="PCMU", pt=0, cid=b""):
        """local, remote: (host, port) of RTP; hosts as text. codec: see uhep.emodel.CODECS.

        rtcp may be None; then cid is the Call-ID, bytes. agent.options: `quality_s`,
        `quality_plc`, `quality_text`.
        """
        options = agent.options or {}
        self.agent = agent
        self.stats = stats
        self.rtcp = rtcp
        self.local = local
        self.remote = remote
        self.codec = codec
        self.pt = pt
        self._cid = cid
        self.plc = options.get("quality_plc", False)
        self.every_ms = options.get("quality_s", 0) * 1000
        self.text = None
        if options.get("quality_text"):
            from uhep.vqtext import Short

            self.text = Short(self)
        self.sent = self.cut = 0
        self.local_ms = 60
        self.buffer_ms = self.buffer_max_ms = 40  # of the jitter buffer
        self.json = rtcp.json if rtcp else Json(1600)
        self.r = self.r_listening = self.mos = self.mos_listening = 0
        self.r_least = self.mos_least = 0
        self._r_sum = self._mos_sum = self._n = 0
        self._flow = agent.flow(local, remote, kind=QOS, chunks={MOS: 0, R_FACTOR: 0, JITTER: 0})
        self._writer = Qos(self)
        self._due = ticks_ms()

    @property
    def cid(self):
        return (self.rtcp.cid if self.rtcp else self._cid) or self.agent._cid or b""

    @property
    def rtt_ms(self):
        """Round trip, -1 while it is not known."""
        return self.rtcp.peer.rtt_ms if self.rtcp else -1

    @property
    def r_mean(self):
        return self._r_sum // self._n if self._n else 0

    @property
    def mos_mean(self):
        return self._mos_sum // self._n if self._n else 0

    def delay_ms(self):
        """One way, mouth to ear, as far as it is known."""
        return self.local_ms + max(self.rtt_ms, 0) // 2

    def lost(self):
        """Packets that were not heard: never came, or thrown away by the jitter buffer."""
        n = self.stats.missing() + self.stats.discards
        return min(n, self.stats.total_expected())

    def update(self):
        """Rate what was heard so far."""
        if not self.stats.heard:
            return
        self.r_listening = self._rate(0)
        self.mos_listening = mos(self.r_listening)
        self.r = self._rate(self.delay_ms())
        self.mos = mos(self.r)

    def _rate(self, delay_ms):
        s = self.stats
        burst = s.bursts.ratio()
        return rating(delay_ms, self.lost(), s.total_expected(), burst, self.codec, self.plc)

    def poll(self):
        """Send the reports that are due: True if there were some."""
        self.stats.look(self.agent.ticks())
        if not self.every_ms or ticks_diff(ticks_ms(), self._due) < self.every_ms:
            return False
        self._due = ticks_ms()
        self.report(False)
        return True

    def report(self, final):
        """A report of each direction that is known, now."""
        self.stats.look(self.agent.ticks())
        self.update()
        if self.stats.heard:
            self._count()
            self._chunks(self.mos, self.r, self.stats.jitter_us // 1000)
            self._writer.write(IN, self.mos, self.r, final)
            self._capture(self._flow, IN)
        elif final:
            self._silent()
        peer = self.rtcp.peer if self.rtcp else None
        if peer and peer.heard and self.sent:
            self._other(peer, final)
        if self.text and self.stats.heard:
            self.text.send(final)

    def final(self):
        """The last reports; then the line of the agent's status has MOS and loss."""
        self.stats.settle()
        self.report(True)
        put = getattr(self.agent, "status_put", None)
        if put and self.stats.heard:
            n = share(self.lost(), self.stats.total_expected(), 1000)
            put("mos", "%d.%02d" % (self.mos // 100, self.mos % 100))
            put("loss", "%d.%d" % (n // 10, n % 10))

    def _count(self):
        self._n += 1
        self._r_sum += self.r // 10 * 10 if self._n > 100000 else self.r
        self._mos_sum += self.mos
        self.r_least = min(self.r_least, self.r) if self._n > 1 else self.r  # 0 is one, too
        self.mos_least = min(self.mos_least or self.mos, self.mos)

    def _other(self, peer, final):
        # What the other end hears, as it says.
        r = self._rate_peer(peer)
        jitter = self.stats.in_ms(max(peer.jitter, 0))
        self._chunks(mos(r), r, jitter)
        self._writer.write(OUT, mos(r), r, final)
        self._capture(self._flow, OUT)

    def _rate_peer(self, peer):
        lost = min(max(peer.lost, 0), self.sent)
        return rating(self.delay_ms(), lost, self.sent, 100, self.codec, self.plc)

    def _chunks(self, score, r, jitter):
        self._flow.put(MOS, score)
        self._flow.put(R_FACTOR, r // 100)
        self._flow.put(JITTER, jitter)

    def _capture(self, flow, way):
        if self.json.full or not fits(self.json.n, self.agent, flow, self.cid):
            self.cut += 1
        else:
            self.agent.capture(flow, way, self.json.buf, self.json.n, self.cid)

    def _silent(self):
        # Nothing was ever heard: a report without a rating.
        self._writer.write(IN, 0, 0, True)
        self._capture(self.agent.flow(self.local, self.remote, kind=QOS), IN)

    def voip(self, buf, at):
        """Write an RTCP XR with VoIP metrics (RFC 3611 4.7) at buf[at:]: 44 octets, returned.

        To append to a compound packet. The SSRC of the sender is the caller's to fill in, at
        4; that of the stream at 12 is there. 0 octets if nothing was heard.
        """
        if not self.stats.heard:
            return 0
        self.update()
        self._heads(buf, at)
        self._losses(buf, at + 16)
        self._bursts(buf, at + 18)
        pack_into(">HH", buf, at + 24, min(max(self.rtt_ms, 0), 0xFFFF), self.local_ms)
        pack_into("4s", buf, at + 28, _LEVELS)
        self._quality(buf, at + 32)
        pack_into(">H", buf, at + 38, self.buffer_ms)
        pack_into(">HH", buf, at + 40, self.buffer_max_ms, self.buffer_max_ms)
        return 44

    def _heads(self, buf, at):
        pack_into(">HHI", buf, at, 0x80CF, 10, 0)
        pack_into(">HH", buf, at + 8, 0x0700, 8)
        pack_into(">HH", buf, at + 12, self.stats.ssrc_hi, self.stats.ssrc_lo)

    def _losses(self, buf, at):
        n = self.stats.total_expected()
        buf[at] = min(share(self.stats.missing(), n, 256), 255)
        buf[at + 1] = min(share(min(self.stats.discards, n), n, 256), 255)

    def _bursts(self, buf, at):
        b = self.stats.bursts
        buf[at] = b.burst_density()
        buf[at + 1] = b.gap_density()
        ms = min(b.burst_ms(self.stats.packet_ms), 0xFFFF)
        pack_into(">H", buf, at + 2, ms)
        ms = min(b.gap_ms(self.stats.packet_ms), 0xFFFF)
        pack_into(">H", buf, at + 4, ms)

    def _quality(self, buf, at):
        buf[at] = self.r // 100
        buf[at + 1] = _UNKNOWN
        buf[at + 2] = (self.mos_listening + 5) // 10
        buf[at + 3] = (self.mos + 5) // 10
        buf[at + 4] = (_PLC if self.plc else _NO_PLC) << 6
        buf[at + 5] = 0
