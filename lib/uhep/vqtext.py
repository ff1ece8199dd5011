# Part of uhep, MIT licence.
"""Voice quality reports as text: RFC 6035 bodies, and AVM's X-RTP-Stat. They allocate."""

from uhep import IN, QOS_SHORT
from uhep.bursts import share
from uhep.chunks import JITTER, MOS, R_FACTOR
from uhep.jsontext import fits

TYPE = "application/vq-rtcpxr"
EVENT = "vq-rtcpxr"


class Session:
    """What a report tells of a call besides its sound. URIs as text, times in Unix seconds.

    started: None while it is not known. remote_ssrc is known to the statistics.
    """

    def __init__(self, local_id="", remote_id="", orig_id="", started=None):
        self.local_id = local_id
        self.remote_id = remote_id
        self.orig_id = orig_id
        self.started = started
        self.local_tag = self.remote_tag = ""


def session(voice, of, now=None):
    """The body of a VQSessionReport at the end of a call: text with CRLF line ends.

    voice: a Voice; of: a Session; now: Unix seconds, by default the agent's clock. Values
    that are not known are left out. Use voice.final() first.
    """
    return _body("VQSessionReport: CallTerm", voice, of, now)


def interval(voice, of, now=None):
    """The body of a VQIntervalReport, during a call."""
    voice.update()
    return _body("VQIntervalReport", voice, of, now)


def alert(voice, of, kind, severity="Warning", now=None):
    """The body of a VQAlertReport about `kind`, a metric of RFC 6035: "NLR", "RLQ", "MOSCQ".

    severity: "Warning", "Critical" or "Clear".
    """
    voice.update()
    first = "VQAlertReport: Type=%s Severity=%s Dir=local" % (kind, severity)
    return _body(first, voice, of, now)


def xrtpstat(voice, seconds):
    """The value of an X-RTP-Stat header for a BYE: what is known of a call that has ended."""
    s = voice.stats
    peer = voice.rtcp.peer if voice.rtcp else None
    other = "%d" % max(peer.lost, 0) if peer and peer.heard else "-"
    found = ["CS=%d" % seconds, "PS=%d" % voice.sent, "PR=%d" % s.total_received()]
    found.append("ER=%d" % s.total_expected())
    found.append("PL=%d,%s" % (s.missing(), other))
    found.append("BL=%d" % s.discards)
    found.append("EN=%s;DE=%s" % (voice.codec, voice.codec))
    found.append("JI=%d,%d" % (s.mean_jitter_us // 1000, s.max_jitter_us // 1000))
    found.append("IP=%s:%d,%s:%d" % (tuple(voice.local) + tuple(voice.remote)))
    return ";".join(found)


class Short:
    """Sends a report as HEP type 35, for what reads only those (heplify-server's gauges)."""

    def __init__(self, voice):
        self.voice = voice
        self.of = Session()
        chunks = {MOS: 0, R_FACTOR: 0, JITTER: 0}
        self._flow = voice.agent.flow(voice.local, voice.remote, kind=QOS_SHORT, chunks=chunks)

    def send(self, final):
        v = self.voice
        body = (session if final else interval)(v, self.of).encode()
        self._flow.put(MOS, v.mos)
        self._flow.put(R_FACTOR, v.r // 100)
        self._flow.put(JITTER, v.stats.jitter_us // 1000)
        if not fits(len(body), v.agent, self._flow, v.cid):
            v.cut += 1
        else:
            v.agent.capture(self._flow, IN, body, len(body), v.cid)


def _body(first, voice, of, now):
    if now is None and voice.agent.clock.is_set:
        now = voice.agent.clock.now()[0]
    lines = [first, "CallID: " + voice.cid.decode()]
    for name, value in (("Local", of.local_id), ("Remote", of.remote_id), ("Orig", of.orig_id)):
        if value:
            lines.append("%sID: %s" % (name, value))
    s = voice.stats
    peer = voice.rtcp.peer if voice.rtcp else None
    ours = (peer.ssrc_hi, peer.ssrc_lo) if peer and peer.ssrc_hi >= 0 else None
    theirs = (s.ssrc_hi, s.ssrc_lo) if s.heard else None
    lines.append(_address("Local", voice.local, ours))
    lines.append(_address("Remote", voice.remote, theirs))
    if s.heard:
        lines.append("LocalMetrics:")
        lines += _local(voice, of, now)
    if peer and peer.heard and voice.sent:
        lines.append("RemoteMetrics:")
        lines += _remote(voice, peer)
    if of.local_tag and of.remote_tag:
        ids = (voice.cid.decode(), of.remote_tag, of.local_tag)
        lines.append("DialogID: %s;to-tag=%s;from-tag=%s" % ids)
    return "\r\n".join(lines) + "\r\n"


def _address(side, end, ssrc):
    text = "%sAddr: IP=%s PORT=%d" % (side, end[0], end[1])
    return text + (" SSRC=0x%04X%04X" % ssrc if ssrc else "")


def _local(v, of, now):
    s = v.stats
    b = s.bursts
    n = s.total_expected()
    if of.started is not None and now is not None:
        yield "Timestamps: START=%s STOP=%s" % (_time(of.started), _time(now))
    yield "SessionDesc: PT=%d PD=%s SR=%d FD=%d FPP=1 PPS=%d PLC=%d SSUP=off" % (
        (v.pt, v.codec, s.clock_hz, s.packet_ms, 1000 // s.packet_ms, 3 if v.plc else 0)
    )
    yield "JitterBuffer: JBA=2 JBN=%d JBM=%d JBX=%d" % (
        (v.buffer_ms, v.buffer_max_ms, v.buffer_max_ms)
    )
    yield "PacketLoss: NLR=%s JDR=%s" % (_loss(s.missing(), n), _loss(min(s.discards, n), n))
    if b.bursts:
        told = (_percent(b.burst_density()), b.burst_ms(s.packet_ms))
        told += (_percent(b.gap_density()), b.gap_ms(s.packet_ms), b.GMIN)
        yield "BurstGapLoss: BLD=%s BD=%d GLD=%s GD=%d GMIN=%d" % told
    delay = "ESD=%d IAJ=%d MAJ=%d" % ((v.local_ms, s.jitter_us // 1000, s.mean_jitter_us // 1000))
    if v.rtt_ms >= 0:
        delay = "RTD=%d ESD=%d SOWD=%d IAJ=%d" % (
            (v.rtt_ms, v.local_ms, v.delay_ms(), s.jitter_us // 1000)
        )
    yield "Delay: " + delay
    yield "QualityEst: RLQ=%d RCQ=%d MOSLQ=%s MOSCQ=%s QoEEstAlg=G.107-simplified" % (
        ((v.r_listening + 50) // 100, (v.r + 50) // 100)
        + (_tenths((v.mos_listening + 5) // 10), _tenths((v.mos + 5) // 10))
    )


def _remote(v, peer):
    yield "PacketLoss: NLR=%s" % _loss(min(max(peer.lost, 0), v.sent), v.sent)
    if peer.jitter >= 0:
        yield "Delay: IAJ=%d" % v.stats.in_ms(peer.jitter)
    told = []
    if peer.r_factor >= 0:
        told.append("RCQ=%d" % peer.r_factor)
    if peer.mos_lq >= 0:
        told.append("MOSLQ=" + _tenths(peer.mos_lq))
    if peer.mos_cq >= 0:
        told.append("MOSCQ=" + _tenths(peer.mos_cq))
    if told:
        yield "QualityEst: " + " ".join(told)


def _loss(a, n):
    # a of n in percent.
    return _tenths((share(a, n, 2000) + 1) // 2)


def _percent(n):
    # n / 256 with one decimal.
    return _tenths(n * 1000 // 256)


def _tenths(n):
    return "%d.%d" % (n // 10, n % 10)


def _time(seconds):
    # RFC 3339, UTC (civil calendar from days: era of 400 years, March first).
    days, rest = seconds // 86400, seconds % 86400
    z = days + 719468
    era = z // 146097
    day = z - era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month += 3 if month < 10 else -9
    year += era * 400 + (month <= 2)
    clock = (rest // 3600, rest // 60 % 60, rest % 60)
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % ((year, month, day) + clock)
