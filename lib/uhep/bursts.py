# Part of uhep, MIT licence.
"""How lost packets lie among those that came: bursts and gaps (RFC 3611 4.7.2)."""

from struct import pack_into

from uhep.port import const

_WINDOW = const(128)  # more than RFC 3550's MAX_MISORDER
_GMIN = const(16)
_MASK = const(0x3FFFFFFF)

# What became of a sequence number.
_NONE = const(0)  # not of this stream
_MISSING = const(1)
_CAME = const(2)
_DISCARDED = const(3)


def share(a, b, k):
    """a * k // b for a <= b, without an int of 2^30: a little less exact where it is close."""
    while b * k > _MASK:
        a >>= 1
        b >>= 1
    return a * k // b if b else 0


def _mean(packets, n, ms):
    # Of n runs of `packets` in all, each of them `ms` long; without an int of 2^30.
    return min(packets // n, 0xFFFF) * ms + packets % n * ms // n if n else 0


class Bursts:
    """Which of the packets of a stream came, judged when none can come late any more.

    A burst begins and ends with a lost packet and has less than Gmin = 16 good ones in a row;
    what lies between bursts is a gap, and so is a single lost packet with 16 good ones on each
    side. A packet that the jitter buffer discarded is as lost as one that never came.

    `lost` of `total` packets judged; `losses` is how often at least one was lost in a row.

    Memory: 128 octets, one for each of the latest sequence numbers; no method allocates.
    """

    GMIN = 16

    def __init__(self):
        self._w = bytearray(_WINDOW)
        self._good = 0  # since the last lost one
        self._before = 0  # judged up to and with that
        self.lost = self.losses = 0
        self._run = self._run_lost = 0  # what may become a burst, from lost to lost packet
        self._packets = self._lost = self._bursts = 0  # bursts that are over

    def begin(self, seq):
        """A stream begins with this sequence number."""
        pack_into("128s", self._w, 0, b"")
        self._w[seq & _WINDOW - 1] = _CAME

    def ahead(self, seq, d):
        """seq came, d after the highest so far."""
        w = self._w
        while d > 1:
            d -= 1
            if d > _WINDOW:  # then the whole window will be missing, and what is over is lost
                self._skip(seq - d, _WINDOW)
                self._loss(d - _WINDOW)
                d = 1
                break
            self._skip(seq - d, 1)
        seq &= _WINDOW - 1
        if w[seq] == _CAME:
            self._good += 1
        elif w[seq]:
            self._loss(1)
        w[seq] = _CAME

    def _skip(self, seq, n):
        # n numbers from seq on are missing so far.
        while n:
            n -= 1
            self._judge(seq & _WINDOW - 1)
            self._w[seq & _WINDOW - 1] = _MISSING
            seq += 1

    def late(self, seq):
        """seq came, after a higher one: False if it had come already."""
        seq &= _WINDOW - 1
        if self._w[seq] >= _CAME:
            return False
        self._w[seq] = _CAME
        return True

    def discard(self, seq, n):
        """n packets, seq the last of them, were thrown away."""
        n = min(n, _WINDOW)
        while n > 0:
            n -= 1
            if self._w[seq - n & _WINDOW - 1] == _CAME:
                self._w[seq - n & _WINDOW - 1] = _DISCARDED

    def settle(self, seq):
        """Judge all up to seq, the highest that came: the stream is over."""
        n = _WINDOW
        while n:
            n -= 1
            self._judge(seq - n & _WINDOW - 1)
        pack_into("128s", self._w, 0, b"")

    def _judge(self, i):
        i = self._w[i]
        if i == _CAME:
            self._good += 1
        elif i:
            self._loss(1)

    def _loss(self, n):
        # n in a row are lost.
        good = self._good
        if good or not self.lost:
            self.losses += 1
        if good < _GMIN and self._run:
            self._run += good + n
            self._run_lost += n
        else:
            if self._run_lost > 1:
                self._bursts += 1
                self._packets += self._run
                self._lost += self._run_lost
            self._run = self._run_lost = n
        self.lost += n
        self._before += good + n
        self._good = 0

    @property
    def total(self):
        return self._before + self._good

    @property
    def bursts(self):
        """How many there were."""
        return self._bursts + (self._run_lost > 1)

    def burst_packets(self):
        return self._packets + (self._run if self._run_lost > 1 else 0)

    def burst_lost(self):
        return self._lost + (self._run_lost if self._run_lost > 1 else 0)

    def burst_density(self):
        """Lost in bursts, of all in bursts, in 1/256."""
        return min(share(self.burst_lost(), self.burst_packets(), 256), 255)

    def gap_density(self):
        """The same between bursts."""
        n = self.total - self.burst_packets()
        return min(share(self.lost - self.burst_lost(), n, 256), 255)

    def burst_ms(self, packet_ms=20):
        """Mean length of a burst; 0: there was none."""
        return _mean(self.burst_packets(), self.bursts, packet_ms)

    def gap_ms(self, packet_ms=20):
        """Mean length of a gap. Without bursts that is the whole stream."""
        return _mean(self.total - self.burst_packets(), self.bursts or 1, packet_ms)

    def ratio(self):
        """The burst ratio of G.107 x100: 100 is loss at random, and the least it says."""
        if not self.lost:
            return 100
        # Lost packets in a row, as a mean, to what random loss would give: 1 / (1 - loss).
        n = share(self.total - self.lost, self.total, 1000)
        return max(min(self.lost * 100 // self.losses, 100000) * n // 1000, 100)
