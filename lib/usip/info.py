"""INFO within a call (RFC 6086): digits, in the two forms that are about."""

from micropython import const

_MS = const(160)
_DIGITS = const("0123456789*#ABCD")


def received(call, server):
    """Answers an INFO; the device hears "dtmf" or "info"."""
    request = server.request
    kind = request.get("content-type").split(";", 1)[0].strip().lower()
    if kind in ("application/dtmf-relay", "application/dtmf"):
        found = _digit(request.body.decode() if _plain(request.body) else "")
        if not found:
            server.reply(400)
            return
        server.reply(200)
        call.agent.event("dtmf", call, found)
        return
    server.reply(200)
    if request.body:
        call.agent.event("info", call, (kind, request.body))


def _plain(body):
    return all([byte < 0x80 for byte in body])


def _digit(text):
    """(digit, ms) of a body as `Signal=5`, `Duration=160`, or as the digit alone; None."""
    signal, ms = text.strip(), _MS
    for line in text.replace("\r", "\n").split("\n"):
        name, equals, value = line.partition("=")
        if not equals:
            continue
        if name.strip().lower() == "signal":
            signal = value.strip()
        elif name.strip().lower() == "duration" and value.strip().isdigit():
            ms = min(int(value.strip()[:6]), 10000)
    signal = {"10": "*", "11": "#"}.get(signal, signal.upper())
    return (signal, ms) if len(signal) == 1 and signal in _DIGITS else None
