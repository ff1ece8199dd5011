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
    yield "%s, %d sent, %d received, %d lost, %d concealed, jitter buffer %d ms%s" % (
        stream.codec,
        stream.sender.sent - stream.sender.sent_before,
        stream.stats.total_received(),
        stream.stats.missing(),
        stream.playout.concealed,
        stream.playout.depth * 20,
        ", muted" if stream.muted else "",
    )
    rtcp = stream.rtcp
    if rtcp:
        yield "reports: %d sent, %d received%s" % (
            rtcp.sent,
            rtcp.received,
            ", round trip %d ms" % rtcp.rtt_ms if rtcp.rtt_ms >= 0 else "",
        )
