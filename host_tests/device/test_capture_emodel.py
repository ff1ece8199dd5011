"""R and MOS of the integers against the formulas in floats, and against published values."""

from uhep.emodel import CODECS, mos, rating

# d ms, loss in percent; R and MOS with concealment (Bpl 25.1) and without (4.3).
TABLE = (
    (0, 0, 93.20, 4.409, 93.20, 4.409),
    (50, 0, 92.00, 4.385, 92.00, 4.385),
    (50, 1, 88.36, 4.297, 74.08, 3.782),
    (100, 1, 87.16, 4.263, 72.88, 3.729),
    (150, 2, 82.59, 4.118, 59.44, 3.071),
    (200, 3, 75.76, 3.854, 46.86, 2.411),
    (300, 5, 56.72, 2.929, 21.43, 1.295),
)


def r_of(d, p, burst, ie, bpl):
    r = 93.2 - 0.024 * d - (0.11 * (d - 177.3) if d > 177.3 else 0)
    return r - (ie + (95 - ie) * p / (p / burst + bpl))


def mos_of(r):
    if r <= 0:
        return 1.0
    return max(1.0, 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r))


def test_table():
    for d, p, r_plc, mos_plc, r_bare, mos_bare in TABLE:
        for plc, r, score in ((True, r_plc, mos_plc), (False, r_bare, mos_bare)):
            found = rating(d, p, 100, plc=plc)
            assert abs(found / 100 - r) <= 0.03, (d, p, plc, found)
            assert abs(mos(found) / 100 - score) <= 0.01, (d, p, plc, mos(found))


def test_whole_range_within_two_hundredths():
    for d in range(0, 1100, 13):
        for p in list(range(0, 400, 7)) + list(range(400, 10001, 311)):
            for burst in (100, 170, 400):
                for codec in CODECS:
                    ie, plc, bare = CODECS[codec]
                    want = mos_of(r_of(d, p / 100, burst / 100, ie / 10, plc / 10))
                    found = mos(rating(d, p, 10000, burst, codec, True)) / 100
                    assert abs(found - want) <= 0.02, (d, p, burst, codec, found, want)
                    want = mos_of(r_of(d, p / 100, burst / 100, ie / 10, bare / 10))
                    found = mos(rating(d, p, 10000, burst, codec)) / 100
                    assert abs(found - want) <= 0.02, (d, p, burst, codec, found, want)


def test_ends():
    assert mos(-5) == mos(0) == 100 and mos(10000) == mos(20000) == 450
    assert rating(0, 0, 0) == 9320  # nothing heard, nothing lost
    assert rating(100000, 0, 1) == rating(2000, 0, 1) == 0
    assert rating(0, 1, 1) < 600
    assert rating(20, 5, 100, codec="L16") == rating(20, 5, 100, codec="PCMU")
    assert mos(rating(0, 1 << 28, 1 << 29)) < 200  # no int of 2^30
    for r in range(0, 10000, 50):
        assert 100 <= mos(r) <= mos(r + 50) + 1 or r < 1000
