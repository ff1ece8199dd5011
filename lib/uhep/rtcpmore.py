# Part of uhep, MIT licence.
"""SDES, BYE, APP and XR as members of a report's JSON."""

from uhep.jsontext import words
from uhep.port import const
from uhep.rtcpcheck import APP, BYE, SDES, content, following, rates

_VOIP = const(7)

_TYPE = words(',"type":')
_OCTETS = words(',"octets":')
_SDES_COUNT = words(',"sdes_report_count":')
_SDES_INFO = words(',"sdes_information":[')
_CHUNK = words('{"sdes_chunk_ssrc":')
_TEXT = words(',"text":')
_BYE = words(',"bye":[')
_REASON = words(',"bye_reason":')
_APP = words(',"app":{"ssrc":')
_SUBTYPE = words(',"subtype":')
_NAME = words(',"name":')
_XR = words(',"xr_blocks":[')
_VOIP_OPEN = words(',"report_blocks_xr":{"type":7,"id":')

# Ratings may be 0 to 100, or 10 to 50; 127 is "not known" there, and the rest means nothing.
_R = const(-2)
_MOS = const(-3)

# VoIP metrics (RFC 3611 4.7): name, where, octets, what means "not known" (-1: nothing).
_METRICS = [
    (words(',"%s":' % name), at, width, unknown)
    for name, at, width, unknown in (
        ("fraction_lost", 8, 1, -1),
        ("fraction_discard", 9, 1, -1),
        ("burst_density", 10, 1, -1),
        ("gap_density", 11, 1, -1),
        ("burst_duration", 12, 2, -1),
        ("gap_duration", 14, 2, -1),
        ("round_trip_delay", 16, 2, 0),
        ("end_system_delay", 18, 2, 0),
        ("signal_level", 20, 0, 127),
        ("noise_level", 21, 0, 127),
        ("rerl", 22, 1, 127),
        ("gmin", 23, 1, -1),
        ("r_factor", 24, 1, _R),
        ("ext_r_factor", 25, 1, _R),
        ("mos_lq", 26, 1, _MOS),
        ("mos_cq", 27, 1, _MOS),
        ("rx_config", 28, 1, -1),
        ("jb_nominal", 30, 2, -1),
        ("jb_maximum", 32, 2, -1),
        ("jb_abs_max", 34, 2, -1),
    )
]


def put(json, kind, b, at):
    """The packet at b[at:], which is whole."""
    end = content(b, at, following(b, at))
    if kind == SDES:
        _sdes(json, b, at, end)
    elif kind == BYE:
        _bye(json, b, at, end)
    elif kind == APP:
        _app(json, b, at, end)
    else:
        _xr(json, b, at + 8, end)


def _sdes(json, b, at, end):
    json.put(_SDES_COUNT)
    json.number(b[at] & 31)
    json.put(_SDES_INFO)
    n = b[at] & 31
    at += 4
    while n:
        n -= 1
        at = _items(json, b, at)
    if json.buf[json.n - 1] == 44:
        json.undo()
    json.octet(93)


def _items(json, b, at):
    source = at
    at += 4
    while b[at]:
        _item(json, b, source, at)
        at += 2 + b[at + 1]
    return (at | 3) + 1


def _item(json, b, source, at):
    json.put(_CHUNK)
    json.u32(b, source)
    json.put(_TYPE)
    json.number(b[at])
    json.put(_TEXT)
    json.string(b, at + 2, b[at + 1])
    json.octet(125)
    json.octet(44)


def _bye(json, b, at, end):
    json.put(_BYE)
    n = b[at] & 31
    at += 4
    while n:
        n -= 1
        json.u32(b, at)
        at += 4
        if n:
            json.octet(44)
    json.octet(93)
    if at < end and b[at]:
        json.put(_REASON)
        json.string(b, at + 1, b[at])


def _app(json, b, at, end):
    json.put(_APP)
    json.u32(b, at + 4)
    json.put(_SUBTYPE)
    json.number(b[at] & 31)
    json.put(_NAME)
    json.string(b, at + 8, 4)
    json.put(_OCTETS)
    json.number(end - at - 12)
    json.octet(125)


def _xr(json, b, at, end):
    # The types of all its blocks; of the VoIP metrics, the first.
    voip = 0
    json.put(_XR)
    while at < end:
        if b[at] == _VOIP and not voip:
            voip = at
        json.number(b[at])
        json.octet(44)
        at = following(b, at)
    if json.buf[json.n - 1] == 44:
        json.undo()
    json.octet(93)
    if voip:
        _voip(json, b, voip)


def _voip(json, b, at):
    json.put(_VOIP_OPEN)
    json.u32(b, at + 4)
    k = 0
    while k < len(_METRICS):
        _metric(json, _METRICS[k], b, at)
        k += 1
    json.octet(125)


def _metric(json, metric, b, at):
    at += metric[1]
    v = b[at]
    if metric[2] == 2:
        v = v << 8 | b[at + 1]
    if v == metric[3] or metric[3] < -1 and not rates(v, metric[3] == _MOS):
        return
    if not metric[2] and v > 127:
        v -= 256
    json.put(metric[0])
    json.number(v)
