"""The sound of one telephone: of the call that is talked on, or a tone."""

import time

from micropython import const
from usip.audio import Audio
from usip.tones import Tones

_FRAME_MS = const(20)
_LATE_MS = const(100)


class Handset(Audio):
    """`audio` is its microphone and speaker, `tones` a signals.table(), `sine` a tones.sine().

    attach(stream) gives it to one of `streams` (usip.rtp.Stream); the others have silence. While
    that one runs it asks for frames and brings them; else poll() does, when the handset is
    lifted. A tone gives way to sound that comes, but for "waiting", which goes over it.
    """

    def __init__(self, audio, streams, tones, sine, clock=time):
        self.tone = ""
        self.frame = audio.frame
        self.clocked = audio.clocked
        self._audio = audio
        self._set = tones
        self._tones = Tones(sine)
        self._clock = clock
        self._stream = None
        self._lifted = False
        self._due = 0
        for stream in streams:
            stream.audio = _QUIET

    @property
    def waiting(self):
        return self._audio.waiting

    def lift(self):
        self._lifted = True
        self._due = self._clock.ticks_ms()
        self._audio.start()

    def lay(self):
        self._lifted = False
        self.attach(None)
        self.signal("")
        self._audio.stop()

    def attach(self, stream):
        """The sound is that of a Stream from now on, or of none."""
        if stream is self._stream:
            return
        if self._stream:
            self._stream.audio = _QUIET
        self._stream = stream
        if stream:
            stream.audio = self
        self._due = self._clock.ticks_ms()

    def signal(self, tone):
        """Plays a tone of the set, "" for none. One that is played already just goes on."""
        if tone == self.tone:
            return
        self.tone = tone
        frequencies, cadence = self._set[tone] if tone else ((), ())
        if frequencies:
            self._tones.play(frequencies, cadence)
        else:
            self._tones.stop()

    def play(self, pcm):
        if self.tone and (pcm is None or self.tone == "waiting"):
            pcm = self._tones.frame() or pcm
        self._audio.play(pcm)

    def poll(self):
        if self._lifted and not (self._stream and self._stream.running):
            self._idle(self._clock.ticks_diff(self._clock.ticks_ms(), self._due))

    def _idle(self, late_ms):
        if late_ms < 0:
            return
        if late_ms > _LATE_MS:  # nobody waits for a tone that is late
            self._due = self._clock.ticks_ms()
        self._due = self._clock.ticks_add(self._due, _FRAME_MS)
        if self.clocked:
            self.frame()  # what a microphone hears meanwhile is for nobody
        self.play(None)


_QUIET = Audio()
