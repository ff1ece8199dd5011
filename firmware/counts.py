"""What a device has to tell of itself when it ends."""


def counts(name, lines, agent):
    """A dict (its keys: firmware/README.md): of the first line at the top, of all in `lines`
    where there is more than one."""
    told = _line(lines[0])
    if len(lines) > 1:
        told["lines"] = [_line(line) for line in lines]
    told["device"] = name
    stats = agent.stats() if agent else None
    asked = getattr(agent, "asked", None)
    counted = asked is not None and stats["captured"]
    told["capture"] = stats
    told["bytes_per_packet"] = asked / stats["captured"] if counted else None
    return told


def _line(line):
    transport = line.transport
    streams = [channel.stream for channel in line.channels]
    reports = [stream.rtcp for stream in streams if stream.rtcp]
    came = [stream.stats for stream in streams if stream.stats]
    registration = line.ua.registration
    return {
        "sip_port": line.sip_port,
        "sip": {
            "sent": transport.sent - (transport.tcp.unsent if transport.tcp else 0),
            "received": transport.received,
            "dropped": transport.dropped,
            "failed": transport.failed,
        },
        "rtp": {
            "sent": sum([each.sender.sent for each in streams]),
            "skipped": sum([each.sender.skipped for each in streams]),
            "received": sum([each.total_received() for each in came]),
            "lost": sum([each.missing() for each in came]),
            "late": sum([each.playout.late for each in streams]),
            "concealed": sum([each.playout.concealed for each in streams]),
            "max_delta_ms": max([each.max_delta_us for each in came] or [0]) // 1000,
        },
        "rtcp": {
            "sent": sum([each.sent for each in reports]),
            "received": sum([each.received for each in reports]),
            "rtt_ms": max([each.rtt_ms for each in reports] or [-1]),
        },
        "faults": line.ua.faults,
        "calls": {"ended": line.ended, "talked": line.talked},
        "registration": registration.state if registration else None,
    }
