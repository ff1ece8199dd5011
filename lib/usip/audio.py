"""The two ends of sound as a Stream asks for them, and those that need no hardware."""


class Audio:
    """Silence, and deaf: what other ends of sound are made of.

    frame() gives the next 20 ms of samples (g711.py) in a buffer of its own, or None; play(pcm)
    takes 20 ms, or None for silence. The buffer is written again after that.

    If it is `clocked`, as a microphone is, None of frame() says that the next 20 ms have not
    passed yet, and `waiting` how many frames there are. Else None is silence. poll() is called
    by the device's loop, start() and stop() as a call has sound or no longer has.
    """

    clocked = False
    waiting = 0

    def frame(self):
        return None

    def play(self, pcm):
        pass

    def start(self):
        pass

    def stop(self):
        pass

    def poll(self):
        pass


class Tone(Audio):
    """A tone of so many Hz, `peak` of 32767 high."""

    def __init__(self, frequency, peak=8000):
        from usip.tones import Tones, sine

        self._tones = Tones(sine(peak))
        self._tones.play((frequency,))
        self.frame = self._tones.frame


class Echo(Audio):
    """Sends back what it hears."""

    def __init__(self):
        self._heard = None

    def play(self, pcm):
        self._heard = pcm

    def frame(self):
        return self._heard
