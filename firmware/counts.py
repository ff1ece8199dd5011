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
    transport, stream = line.transport, line.stream
    sender, stats, rtcp = stream.sender, stream.stats, stream.rtcp
    registration = line.ua.registration
    return {
        "sip_port": line.sip_port,
        "sip": {
            "sent": transport.sent,
            "received": transport.received,
            "dropped": transport.dropped,
            "failed": transport.failed,
        },
        "rtp": {
            "sent": sender.sent,
            "skipped": sender.skipped,
            "received": stats.total_received(),
            "lost": stats.missing(),
            "late": stream.playout.late,
            "concealed": stream.playout.concealed,
            "max_delta_ms": stats.max_delta_us // 1000,
        },
        "rtcp": {
            "sent": rtcp.sent if rtcp else 0,
            "received": rtcp.received if rtcp else 0,
            "rtt_ms": rtcp.rtt_ms if rtcp else -1,
        },
        "calls": {"ended": line.ended, "talked": line.talked},
        "registration": registration.state if registration else None,
    }
