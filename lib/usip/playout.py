"""The jitter buffer: packets as the network brings them in, 20 ms of sound each 20 ms out."""

from array import array

from micropython import const

from usip import g711

_SLOTS = const(16)  # packets that it can hold: 320 ms of 20 ms each
_HEADER = const(12)
_WINDOW = const(128)  # frames after which an adaptive buffer thinks again: 2.56 s
_FADED = const(6)  # frames after which a repeated frame is silence
_QUIET = const(b"")  # stands for a packet that has no sound in it


class Playout:
    """Puts packets in order, and makes up for those that are missing.

    A slot holds the very object that the socket's recv() gave, until it is played: nothing is
    copied, and no method allocates. Bounded: what is too far ahead empties it.

    `least` and `most` are the delay in frames of 20 ms; equal, it is a fixed buffer. An
    adaptive one plays what is late all the same and stays that much behind from then on; when
    for some seconds there always was more in it than needed, it leaves a frame out.
    `depth` is the delay that it aims at now, in frames.

    What is missing is concealed by the last frame again, 6 dB less each time and silent after
    six: of the E-model's packet loss robustness, that of a codec without concealment is
    nearer the truth (`Bpl` 4.3).

    Counters, in packets: `played`, `late` and `overrun` (thrown away), `duplicates`;
    in frames: `concealed`, `dropped` (left out to catch up).
    """

    def __init__(self, least=2, most=6):
        if not 1 <= least <= most < _SLOTS:
            raise ValueError("a jitter buffer is 1 to %d frames deep" % (_SLOTS - 1))
        self.pcm = bytearray(g711.FRAME)
        self.least = least
        self.most = most
        self.played = self.late = self.overrun = self.duplicates = 0
        self.concealed = self.dropped = 0
        self._slots = [None] * _SLOTS
        self._job = array("H", (0, 0, 0, 0))  # what g711.decode() is to do
        self.reset()

    def reset(self):
        """Forgets what it holds: another call or another stream."""
        for at in range(_SLOTS):
            self._slots[at] = None
        self.depth = self.least
        self._held = 0
        self._next = 0
        self._begun = False  # _next means something
        self._runs = False  # filled once, and not run dry since
        self._from = 0  # where the rest of the packet that is played begins
        self._faded = _FADED
        self._stretched = 0
        self._law = 0
        self._least_held = _SLOTS
        self._calm = 0
        self._window = _WINDOW

    def put(self, data, seq):
        """Takes an RTP packet, whole. False if it comes too late, twice or far too early."""
        if not self._begun:
            self._begun = True
            self._next = seq
        ahead = seq - self._next & 0xFFFF
        if ahead >= 0x8000:
            if self._runs or 0x10000 - ahead + self._held > _SLOTS // 2:
                self.late += 1
                self._deepen()
                return False
            self._next = seq  # out of order before anything is played
        elif ahead >= _SLOTS:
            self.overrun += self._held
            self.reset()
            self._begun = True
            self._next = seq
        at = seq % _SLOTS
        if self._slots[at] is not None:
            self.duplicates += 1
            return False
        self._slots[at] = data
        self._held += 1
        return True

    def put_quiet(self, seq):
        """Takes the place of a packet that has no sound in it: an event."""
        return self.put(_QUIET, seq)

    def frame(self, law):
        """Makes the next 20 ms in `pcm`. False if that is silence.

        `law` is what packets of another payload type than 0 and 8 are.
        """
        if not self._runs:
            if not self._held or self._held < self.depth:
                return self._fade()
            self._runs = True
        self._adapt()
        self._law = law
        if not self._held:
            return self._dry()
        return self._play()

    def _play(self):
        # The next packet, or what stands in for it.
        at = self._next % _SLOTS
        data = self._slots[at]
        if data is None:
            self._step()
            if self._stretched:  # it was waited for and concealed already
                self._stretched -= 1
                return self._play() if self._held else self._dry()
            self.concealed += 1
            return self._fade()
        self._stretched = 0
        self._job[3] = 0
        if len(data) - self._from - _HEADER < g711.SAMPLES:
            return self._gather()
        self._sound(data, g711.SAMPLES)
        return True

    def _gather(self):
        # Packets of other than 20 ms: pieces, until a frame is full.
        job = self._job
        while job[3] < g711.SAMPLES:
            data = self._slots[self._next % _SLOTS]
            n = min(len(data) - self._from - _HEADER, g711.SAMPLES - job[3]) if data else 0
            if n > 0:
                self._sound(data, n)
            else:
                if data is not None:
                    self._forget()
                break
        if not job[3]:
            self._faded = _FADED
            return False
        if job[3] < g711.SAMPLES:
            self._fill()
        return True

    def _fill(self):
        job = self._job
        job[0] = job[1] = 0
        job[2] = g711.SAMPLES - job[3]
        g711.decode(g711.SILENCE[g711.ULAW], self.pcm, job)

    def _sound(self, data, n):
        # n samples of the packet that is played, to where the last ones ended.
        job = self._job
        job[0] = data[1] & 0x7F
        if job[0] != g711.ULAW and job[0] != g711.ALAW:
            job[0] = self._law
        job[1] = self._from + _HEADER
        job[2] = n
        g711.decode(data, self.pcm, job)
        job[3] += n
        self._faded = 0
        self._from += n
        if self._from + _HEADER >= len(data):
            self._forget()

    def _forget(self):
        self._slots[self._next % _SLOTS] = None
        self._held -= 1
        self.played += 1
        self._step()

    def _step(self):
        self._next = self._next + 1 & 0xFFFF
        self._from = 0

    def _dry(self):
        # Nothing is there. As long as it may, the buffer waits for it, and is that much later
        # from then on; else it goes on.
        self.concealed += 1
        if self.depth < self.most:
            self._stretched += 1
            self._deepen()
        else:
            self._step()
        if self._faded >= _FADED:
            self._runs = False
            self._begun = False
        return self._fade()

    def _fade(self):
        if self._faded >= _FADED:
            return False
        self._faded += 1
        g711.halve(self.pcm)
        return True

    def _deepen(self):
        self._calm = 0
        if self.depth < self.most:
            self.depth += 1

    def _adapt(self):
        self._least_held = min(self._least_held, self._held)
        self._window -= 1
        if self._window:
            return
        if self._least_held > self.depth and self._slots[self._next % _SLOTS] is not None:
            self._forget()
            self.played -= 1
            self.dropped += 1
        elif self._calm > 2 and self.depth > self.least:
            self.depth -= 1
        self._calm += 1
        self._window = _WINDOW
        self._least_held = _SLOTS


def plain(data):
    """An RTP packet without CSRC, extension and padding. Allocates."""
    at = 12 + 4 * (data[0] & 15)
    if data[0] & 0x10 and len(data) >= at + 4:
        at += 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    return b"\x80" + data[1:12] + data[at : max(at, end)]
