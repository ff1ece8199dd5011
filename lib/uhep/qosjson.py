# Part of uhep, MIT licence.
"""The JSON of HEP type 34: a report on one direction of a call, with the keys Homer draws."""

from uhep import IN
from uhep.jsontext import words

_CALL = words(',"RTP_SIP_CALL_ID":')
_TS = words(',"REPORT_TS":')
_TOTAL = words(',"TOTAL_PK":')
_EXPECTED = words(',"EXPECTED_PK":')
_LOSS = words(',"PACKET_LOSS":')
_JITTER = words(',"JITTER":')
_MAX_JITTER = words(',"MAX_JITTER":')
_MEAN_JITTER = words(',"MEAN_JITTER":')
_DELTA = words(',"DELTA":')
_MAX_DELTA = words(',"MAX_DELTA":')
_ORDER = words(',"OUT_ORDER":')
_TWICE = words(',"DUPLICATES":')
_DISCARDS = words(',"DISCARDED":')
_SSRC_CHANGES = words(',"SSRC_CHG":')
_BURSTS = words(',"BURSTS":')
_BURST_MS = words(',"BURST_MS":')
_GAP_MS = words(',"GAP_MS":')
_RTT = words(',"RTT":')
_ONE_WAY = words(',"ONE_WAY":1')
_MOS = words(',"MOS":')
_MIN_MOS = words(',"MIN_MOS":')
_MEAN_MOS = words(',"MEAN_MOS":')
_LISTENING = words(',"MOS_LQ":')
_R = words(',"RFACTOR":')
_MIN_R = words(',"MIN_RFACTOR":')
_MEAN_R = words(',"MEAN_RFACTOR":')
_FINAL = words(',"TYPE":"FINAL"}')
_PERIODIC = words(',"TYPE":"PERIODIC"}')

_ENDS = (
    ',"SRC_IP":"%s","SRC_PORT":%d,"DST_IP":"%s","DST_PORT":%d,"REPORT_NAME":"%s:%d",'
    '"CODEC_PT":%d,"CLOCK":%d,"CODEC_NAME":"%s","DIR":%d,"PARTY":%d'
)


class Qos:
    """Writes the report of one direction into the Json of a Voice. MOS is 1.0 to 5.0 there.

    DIR and PARTY are 0 for what this end hears and 1 for what the other hears. What is not
    known is left out.
    """

    def __init__(self, voice):
        self.voice = voice
        self._begin = words('{"CORRELATION_ID":')
        self._ends = (self._of(IN), self._of(1))

    def _of(self, way):
        v = self.voice
        src, dst = (v.remote, v.local) if way == IN else (v.local, v.remote)
        name = tuple(src) + tuple(dst) + tuple(src)
        return words(_ENDS % (name + (v.pt, v.stats.clock_hz, v.codec, way, way)))

    def write(self, way, score, r, final):
        """score: MOS x100, r: R x100, both 0 where there is none."""
        json = self.voice.json
        json.begin()
        json.put(self._begin)
        self._id()
        json.put(_CALL)
        self._id()
        json.put(_TS)
        self._time(self.voice.agent.clock)
        json.put(self._ends[way])
        if way == IN:
            self._heard(self.voice.stats)
        else:
            self._told(self.voice.rtcp.peer)
        if self.voice.rtt_ms >= 0:
            self._one(_RTT, self.voice.rtt_ms)
        if score:
            self._rating(way, score, r)
        json.put(_FINAL if final else _PERIODIC)

    def _id(self):
        cid = self.voice.cid
        self.voice.json.string(cid, 0, len(cid))

    def _time(self, clock):
        clock.tick()
        st = clock._ring.st
        self.voice.json.halves(st[20], st[21])

    def _one(self, name, value):
        self.voice.json.put(name)
        self.voice.json.number(value)

    def _ms(self, name, us):
        self.voice.json.put(name)
        self.voice.json.thousandths(us)

    def _score(self, name, hundredths):
        self.voice.json.put(name)
        self.voice.json.hundredths(hundredths)

    def _heard(self, s):
        self._one(_TOTAL, s.total_received())
        if s.one_way:
            self.voice.json.put(_ONE_WAY)
        if not s.heard:
            return
        self._one(_EXPECTED, s.total_expected())
        self._one(_LOSS, s.missing())
        self._ms(_JITTER, s.jitter_us)
        self._ms(_MAX_JITTER, s.max_jitter_us)
        self._ms(_MEAN_JITTER, s.mean_jitter_us)
        self._ms(_DELTA, s.delta_us)
        self._ms(_MAX_DELTA, s.max_delta_us)
        self._one(_ORDER, s.reordered)
        self._one(_TWICE, s.duplicates)
        self._one(_DISCARDS, s.discards)
        self._one(_SSRC_CHANGES, s.ssrc_changes)
        self._one(_BURSTS, s.bursts.bursts)
        if s.bursts.bursts:
            self._one(_BURST_MS, s.bursts.burst_ms(s.packet_ms))
            self._one(_GAP_MS, s.bursts.gap_ms(s.packet_ms))

    def _told(self, peer):
        sent = self.voice.sent
        lost = min(max(peer.lost, 0), sent)
        self._one(_TOTAL, sent - lost)
        self._one(_EXPECTED, sent)
        self._one(_LOSS, lost)
        if peer.jitter >= 0:
            self._one(_JITTER, self.voice.stats.in_ms(peer.jitter))

    def _rating(self, way, score, r):
        v = self.voice
        self._score(_MOS, score)
        self._score(_R, r)
        if way == IN:
            self._score(_LISTENING, v.mos_listening)
            self._score(_MIN_MOS, v.mos_least)
            self._score(_MEAN_MOS, v.mos_mean)
            self._score(_MIN_R, v.r_least)
            self._score(_MEAN_R, v.r_mean)
