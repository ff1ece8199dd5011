"""Which ends of sound a device has: its microphone and speaker, files, or none at all."""

import port
from usip import audio


def make(settings, index=0):
    """The Audio that device.json asks for. ValueError says what is wrong.

    `index` tells the lines of a device apart: an ATA's two have left and right of microphone
    and speaker, and the second one's files have its number in their names.
    """
    kind = settings["audio"]
    pins = port.board().get("audio")
    if not kind:
        kind = "i2s" if pins and port.ON_BOARD else "tone"
    if kind == "tone":
        return audio.Tone(settings["tone_hz"])
    if kind == "echo":
        return audio.Echo()
    if kind == "silence":
        return audio.Audio()
    if kind == "wav":
        from wav import Wav

        return Wav(_numbered(settings["wav_in"], index), _numbered(settings["wav_out"], index))
    if not pins or not port.ON_BOARD:
        raise ValueError('audio is "i2s", but there is no board with audio pins')
    if settings["personality"] == "ata":
        from stereo import side

        return side(port.machine, pins, index)
    from i2s import I2S

    return I2S(port.machine, pins)


def _numbered(path, index):
    stem, dot, end = path.rpartition(".")
    return "%s%d.%s" % (stem, index + 1, end) if index and dot else path
