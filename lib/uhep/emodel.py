# Part of uhep, MIT licence.
"""How good speech sounds, estimated: R and MOS by a simplified E-model (ITU-T G.107, G.113)."""

from uhep.bursts import share
from uhep.port import const

_R0 = const(9320)  # x100: all impairments of G.107 at their defaults
_KNEE_US10 = const(1773)  # 177.3 ms, in tenths
_FAR_MS = const(2000)

# Codec: impairment Ie x10, and robustness Bpl x10 with and without concealment of loss (PLC).
# G.113 Appendix I, as widely quoted. A codec with its own concealment has one value.
CODECS = {
    "PCMU": (0, 251, 43),
    "PCMA": (0, 251, 43),
    "G729": (110, 190, 190),
}


def rating(delay_ms, loss, whole, burst=100, codec="PCMU", plc=False):
    """R x100, 0 to 9320, below that as G.107 has it.

    delay_ms: one way, mouth to ear; 0 for listening quality. loss of whole: packets lost or
    discarded. burst: burst ratio x100, see Bursts.ratio. codec: a key of CODECS; others count
    as PCMU. plc: whether the player conceals a lost packet. Integers below 2^30; allocates
    nothing.
    """
    codec = CODECS.get(codec, CODECS["PCMU"])
    plc = codec[1 if plc else 2]
    loss = share(loss, whole, 10000)
    loss = _equipment(loss, burst, codec[0], plc)
    loss += _delay(delay_ms)
    return max(_R0 - loss, 0)


def _delay(ms):
    # Id x100: 0.024 d, and 0.11 (d - 177.3) more from there on.
    ms = min(ms, _FAR_MS)
    n = ms * 24
    if ms * 10 > _KNEE_US10:
        n += (ms * 10 - _KNEE_US10) * 11
    return (n + 5) // 10


def _equipment(ppl, burst, ie, bpl):
    # Ie,eff x100 of ppl, the loss in hundredths of a percent: Ie + (95 - Ie) ppl / (ppl /
    # BurstR + Bpl).
    n = ppl * 100 // burst + bpl * 10
    return ie * 10 + (9500 - ie * 10) * ppl // n


def mos(r):
    """MOS x100, 100 to 450, of R x100 (G.107 Annex B)."""
    if r <= 0:
        return 100
    if r >= 10000:
        return 450
    # 1 + 0.035 R + 7e-6 R (R - 60) (100 - R), with R in tenths.
    r = (r + 5) // 10
    n = r * (r - 600) // 100 * (1000 - r)
    return max(100 + (r * 35 + n * 7 // 1000 + 50) // 100, 100)
