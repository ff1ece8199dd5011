"""What a call has counted, as its BYE says it. Loaded with the first one."""


def text(stream):
    """X-RTP-Stat: packets and octets sent, packets received, lost here and there, jitter."""
    return "CS=0;PS=%d;OS=%d;PR=%d;PL=%d,%d;JI=%d;EN=%s;DE=%s" % (
        stream.sender.sent - stream.sender.sent_before,
        stream.sender.octets - stream.sender.octets_before & 0x1FFFFFFF,
        stream.stats.total_received(),
        stream.stats.missing(),
        max(stream.rtcp.remote_lost, 0) if stream.rtcp else 0,
        stream.stats.jitter_us // 1000,
        stream.codec,
        stream.codec,
    )
