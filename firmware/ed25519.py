"""Ed25519 signatures, verified (RFC 8032). MicroPython has no SHA-512 and no curve.

Only for messages of up to 47 octets, as hashes are: then one block of SHA-512 is enough.
"""

_P = 2**255 - 19
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ORDER = 2**252 + 27742317777372353535851937790883648493
_ROOT = pow(2, (_P - 1) // 4, _P)  # of -1
_MASK = 0xFFFFFFFFFFFFFFFF
_STEP = 8  # bits of the scalars in one step of `steps`


def verify(key, message, signature):
    """Whether `signature` (64 octets) of `message` is by the owner of `key` (32 octets)."""
    result = False
    for result in steps(key, message, signature):
        pass
    return bool(result)


def steps(key, message, signature):
    """A generator that does it in some 33 steps; the last one yields the verdict, else None."""
    s = int.from_bytes(signature[32:], "little")
    a, r = _point(key), _point(signature[:32])
    if a is None or r is None or s >= _ORDER or len(signature) != 64 or len(message) > 47:
        yield False
        return
    h = int.from_bytes(sha512(signature[:32] + key + message), "little") % _ORDER
    # s B = R + h A, computed as s B + h (-A) in one go (Shamir).
    minus = (_P - a[0], a[1], 1, _P - a[3])
    y = 4 * pow(5, _P - 2, _P) % _P
    base = _point(y.to_bytes(32, "little"))
    table = (None, base, minus, _add(base, minus))
    sum_ = (0, 1, 1, 0)
    for at in range(255, -1, -1):
        sum_ = _add(sum_, sum_)
        which = (s >> at & 1) | (h >> at & 1) << 1
        if which:
            sum_ = _add(sum_, table[which])
        if at % _STEP == 0 and at:
            yield None
    x, y, z, _ = sum_
    yield (x - r[0] * z) % _P == 0 and (y - r[1] * z) % _P == 0


def _add(p, q):
    # Extended coordinates; RFC 8032, 5.1.4.
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _point(octets):
    # RFC 8032, 5.1.3; None if there is no such point.
    y = int.from_bytes(octets, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    xx = u * pow(v, _P - 2, _P) % _P
    x = pow(xx, (_P + 3) // 8, _P)
    if (x * x - xx) % _P:
        x = x * _ROOT % _P
    if (x * x - xx) % _P or not x and sign:
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def sha512(data):
    """SHA-512 of up to 111 octets (FIPS 180-4): one block."""
    block = data + b"\x80" + bytes(119 - len(data)) + (8 * len(data)).to_bytes(8, "big")
    w = [int.from_bytes(block[i : i + 8], "big") for i in range(0, 128, 8)]
    for i in range(16, 80):
        a, b = w[i - 15], w[i - 2]
        s0 = _turn(a, 1) ^ _turn(a, 8) ^ a >> 7
        s1 = _turn(b, 19) ^ _turn(b, 61) ^ b >> 6
        w.append(w[i - 16] + s0 + w[i - 7] + s1 & _MASK)
    # The constants are the fractions of the square and cube roots of the first primes.
    primes = _primes(80)
    start = [_fraction(p, 2) for p in primes[:8]]
    a, b, c, d, e, f, g, h = start
    for i in range(80):
        s1 = _turn(e, 14) ^ _turn(e, 18) ^ _turn(e, 41)
        t = h + s1 + (e & f ^ (e ^ _MASK) & g) + _fraction(primes[i], 3) + w[i]
        s0 = _turn(a, 28) ^ _turn(a, 34) ^ _turn(a, 39)
        u = s0 + (a & b ^ a & c ^ b & c)
        h, g, f, e = g, f, e, d + t & _MASK
        d, c, b, a = c, b, a, t + u & _MASK
    words = zip(start, (a, b, c, d, e, f, g, h))
    return b"".join([(x + y & _MASK).to_bytes(8, "big") for x, y in words])


def _turn(x, n):
    return (x >> n | x << 64 - n) & _MASK


def _primes(n):
    found = []
    each = 2
    while len(found) < n:
        if all([each % p for p in found]):
            found.append(each)
        each += 1
    return found


def _fraction(prime, power):
    # The first 64 bits of the fraction of a root, by Newton.
    of = prime << 64 * power
    root = 1 << 64 + 10 // power
    while True:
        better = ((power - 1) * root + of // root ** (power - 1)) // power
        if better >= root:
            return root & _MASK
        root = better
