"""How a line is, in words."""


def told(line):
    """Lines of text: its registration, its calls, and their sound."""
    registration = line.ua.registration
    yield "registration: %s" % (registration.state if registration else "none is wanted")
    for each in line.ua.calls:
        yield "%s%s" % (each.told(), ", on hold" if each.holding else "")
    for channel in line.channels:
        if channel.stream.running:
            yield from _sound(channel.stream)


def _sound(stream):
    rtcp = stream.rtcp
    yield "%s, %d sent, %d received, %d lost, jitter buffer %d ms%s%s" % (
        stream.codec,
        stream.sender.sent - stream.sender.sent_before,
        stream.stats.total_received(),
        stream.stats.missing(),
        stream.playout.depth * 20,
        ", round trip %d ms" % rtcp.rtt_ms if rtcp and rtcp.rtt_ms >= 0 else "",
        ", muted" if stream.muted else "",
    )
    # These are not counted for each call.
    text = "since the start: %d concealed" % stream.playout.concealed
    if rtcp:
        text += ", reports: %d sent, %d received" % (rtcp.sent, rtcp.received)
    yield text
