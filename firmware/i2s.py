"""Microphone and speaker by I2S: two ports of an ESP32, 8 kHz, 16 bits, mono."""

import select

from micropython import const
from usip import g711
from usip.audio import Audio

# DMA moves 256 samples at a time, a frame is 160 of them: in pieces of 32 samples both come out
# even, so that a piece is there, or takes its place, whole or not at all.
_PIECE = const(64)
_PIECES = g711.FRAME // _PIECE
_FRAMES = const(4)  # that wait on each side
_IN = const(4096)  # octets of DMA: two buffers of 256 samples, each 8 octets on the wire
_OUT = const(1024)


class I2S(Audio):
    """`machine` has I2S and Pin; `pins` is the board's "audio": of "microphone" and "speaker",
    or of one of them, the port's id and sck, ws and sd. ValueError if it has neither.

    The microphone is the clock of what is sent. Neither side ever waits: asking poll() once
    puts the port's driver into the mode in which reading takes what is there.

    `overruns` counts frames of the microphone that nobody took, `underruns` those that the
    speaker had no room for. Memory: 8 frames; poll(), frame() and play() allocate nothing.
    """

    def __init__(self, machine, pins):
        if not pins.get("microphone") and not pins.get("speaker"):
            raise ValueError("the board has neither microphone nor speaker")
        self.overruns = self.underruns = 0
        self._heard = _Frames()
        self._said = _Frames()
        i2s = machine.I2S
        self._in = _port(machine, pins.get("microphone"), i2s.RX, _IN)
        self._out = _port(machine, pins.get("speaker"), i2s.TX, _OUT)
        self._runs = False
        self.clocked = self._in is not None

    @property
    def waiting(self):
        return self._heard.whole()

    def start(self):
        self._heard.clear()
        self._said.clear()
        self._runs = True

    def stop(self):
        self._runs = False

    def frame(self):
        return self._heard.take()

    def play(self, pcm):
        if not self._said.put(pcm or _QUIET):
            self.underruns += 1

    def poll(self):
        """Moves what can be moved between DMA and the frames."""
        if self._in:
            self._listen()
        if self._out:
            self._speak()

    def _listen(self):
        # What nobody wants to hear is read all the same: DMA would else hold old sound.
        for _ in range(_PIECES):
            if not self._in.readinto(self._heard.room()):
                return
            if not self._heard.filled() and self._runs:
                self.overruns += 1

    def _speak(self):
        for _ in range(_PIECES):
            piece = self._said.piece()
            if piece is None or not self._out.write(piece):
                return
            self._said.emptied()


class _Frames:
    """A few frames in a row, filled and emptied by pieces or by frames."""

    def __init__(self):
        self._frames = [bytearray(g711.FRAME) for _ in range(_FRAMES)]
        views = [memoryview(frame) for frame in self._frames]
        self._pieces = [
            view[at : at + _PIECE] for view in views for at in range(0, g711.FRAME, _PIECE)
        ]
        self.clear()

    def clear(self):
        self._in = self._out = 0  # pieces, modulo all of them
        self._held = 0

    def whole(self):
        return self._held // _PIECES

    def room(self):
        """The piece to fill next."""
        return self._pieces[self._in]

    def filled(self):
        """It has been filled. False if that cost the oldest frame."""
        self._in = (self._in + 1) % len(self._pieces)
        self._held += 1
        # One frame stays out of use: it is the one that was taken last, and still is read.
        if self._held <= len(self._pieces) - _PIECES:
            return True
        self._skip()
        return False

    def take(self):
        """The oldest frame, or None. It is good until the next one is taken."""
        if self._held < _PIECES:
            return None
        frame = self._frames[self._out // _PIECES]
        self._skip()
        return frame

    def _skip(self):
        self._out = (self._out + _PIECES) % len(self._pieces)
        self._held -= _PIECES

    def put(self, pcm):
        """Copies a frame in. False if there is no room."""
        if self._held > len(self._pieces) - _PIECES:
            return False
        self._frames[self._in // _PIECES][:] = pcm
        self._in = (self._in + _PIECES) % len(self._pieces)
        self._held += _PIECES
        return True

    def piece(self):
        """The oldest piece, or None."""
        return self._pieces[self._out] if self._held else None

    def emptied(self):
        self._out = (self._out + 1) % len(self._pieces)
        self._held -= 1


def _port(machine, pins, mode, octets):
    if not pins:
        return None
    port = machine.I2S(
        pins["id"],
        sck=machine.Pin(pins["sck"]),
        ws=machine.Pin(pins["ws"]),
        sd=machine.Pin(pins["sd"]),
        mode=mode,
        bits=16,
        format=machine.I2S.MONO,
        rate=8000,
        ibuf=octets,
    )
    poller = select.poll()
    poller.register(port, select.POLLIN if mode == machine.I2S.RX else select.POLLOUT)
    poller.poll(0)
    poller.unregister(port)
    return port


_QUIET = bytes(g711.FRAME)
