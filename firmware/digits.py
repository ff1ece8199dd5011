"""Sends DTMF in a call. Loaded with the first digit that is sent."""

from usip.events import DIGITS


def send(line, digits, call=None):
    """Sends digits in `call` of a Line, or in the one that stands: as events in RTP if the peer
    takes these, else by INFO.

    ValueError for what is no digit, RuntimeError if there is no call.
    """
    for each in line.ua.calls:
        if each.state == "talking" and call in (None, each):
            _send(line, each, digits.upper())
            return
    raise RuntimeError("there is no call")


def _send(line, call, digits):
    by = line.settings["dtmf"]
    channel = line.channel(call)
    if by != "info" and channel and channel.stream.dial(digits):
        return
    if by == "rtp":
        raise RuntimeError("the other end takes no digits in RTP")
    for digit in digits:
        if digit not in DIGITS:
            raise ValueError("%r is no DTMF digit" % digit)
        call.send_dtmf(digit)
