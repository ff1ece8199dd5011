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


class Buffered(Audio):
    """Sound that waits in a few frames each way, `heard` and `said`.

    `overruns` counts frames of the microphone that nobody took, `underruns` those that the
    speaker had no room for. Memory: 8 frames; frame() and play() allocate nothing.
    """

    def __init__(self):
        self.overruns = self.underruns = 0
        self.heard = _Frames()
        self.said = _Frames()
        self._runs = False

    @property
    def waiting(self):
        return self.heard.whole()

    def start(self):
        self.heard.clear()
        self.said.clear()
        self._runs = True

    def stop(self):
        self._runs = False

    def frame(self):
        return self.heard.take()

    def play(self, pcm):
        if not self.said.put(pcm or _QUIET):
            self.underruns += 1

    def filled(self):
        """A piece was heard. What nobody wants to hear is, too: DMA would else hold old sound."""
        if not self.heard.filled() and self._runs:
            self.overruns += 1


class I2S(Buffered):
    """`machine` has I2S and Pin; `pins` is the board's "audio": of "microphone" and "speaker",
    or of one of them, the port's id and sck, ws and sd. ValueError if it has neither.

    The microphone is the clock of what is sent. Neither side ever waits: asking poll() once
    puts the port's driver into the mode in which reading takes what is there.

    Memory: what it holds, see Buffered; poll() allocates nothing.
    """

    def __init__(self, machine, pins):
        super().__init__()
        self._in, self._out = ports(machine, pins, machine.I2S.MONO, _IN, _OUT)
        self.clocked = self._in is not None

    def poll(self):
        """Moves what can be moved between DMA and the frames."""
        if self._in:
            self._listen()
        if self._out:
            self._speak()

    def _listen(self):
        for _ in range(_PIECES):
            if not self._in.readinto(self.heard.room()):
                return
            self.filled()

    def _speak(self):
        for _ in range(_PIECES):
            piece = self.said.piece()
            if piece is None or not self._out.write(piece):
                return
            self.said.emptied()


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


def ports(machine, pins, form, octets_in, octets_out):
    """(microphone, speaker) of a board's "audio", opened; None for the one that it has not.

    `form` is MONO or STEREO, the octets are of DMA. ValueError if it has neither.
    """
    if not pins.get("microphone") and not pins.get("speaker"):
        raise ValueError("the board has neither microphone nor speaker")
    i2s = machine.I2S
    return (
        _port(machine, pins.get("microphone"), i2s.RX, form, octets_in),
        _port(machine, pins.get("speaker"), i2s.TX, form, octets_out),
    )


def _port(machine, pins, mode, form, octets):
    if not pins:
        return None
    port = machine.I2S(
        pins["id"],
        sck=machine.Pin(pins["sck"]),
        ws=machine.Pin(pins["ws"]),
        sd=machine.Pin(pins["sd"]),
        mode=mode,
        bits=16,
        format=form,
        rate=8000,
        ibuf=octets,
    )
    poller = select.poll()
    poller.register(port, select.POLLIN if mode == machine.I2S.RX else select.POLLOUT)
    poller.poll(0)
    poller.unregister(port)
    return port


_QUIET = bytes(g711.FRAME)
