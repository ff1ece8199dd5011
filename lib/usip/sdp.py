"""Session descriptions: one audio stream of PCMU, offered or answered (RFC 4566, RFC 3264)."""

from usip import header

_PCMU = "0"


def offer(host, port, session):
    """A description of one PCMU stream to `host`:`port`. `session` is a number of one's own."""
    return _build(host, session, [_audio(port)])


def answer(offered, host, port, session):
    """(our answer, (host, port) of the peer's RTP) to the bytes of an offer.

    Takes the first audio stream that has PCMU and refuses every other; ValueError when there
    is none.
    """
    lines = []
    peer = None
    for kind, words, where in _streams(offered):
        if peer is None and _suits(kind, words):
            peer = (where, int(words[0]))
            lines.append(_audio(port))
        else:
            lines.append("m=%s 0 %s\r\n" % (kind, " ".join(words[1:])))
    if peer is None:
        raise ValueError("no PCMU stream")
    return _build(host, session, lines), peer


def accepted(answered):
    """(host, port) of the peer's RTP in the answer to our offer; ValueError if it refuses."""
    for kind, words, where in _streams(answered):
        if _suits(kind, words):
            return where, int(words[0])
    raise ValueError("no PCMU stream")


def _build(host, session, streams):
    head = "v=0\r\no=- %d 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n" % (
        session,
        _family(host),
        host,
        _family(host),
        host,
    )
    return (head + "".join(streams)).encode()


def _family(host):
    return "IP6" if ":" in host else "IP4"


def _audio(port):
    return "m=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n" % port


def _suits(kind, words):
    return kind == "audio" and words[1] == "RTP/AVP" and words[0] != "0" and _PCMU in words[2:]


def _streams(body):
    """A list of (kind, [port, protocol, formats...], host), one for each m= line."""
    session_host = ""
    streams = []
    for line in header.text(body).split("\n"):
        words = line[2:].split()
        if line.startswith("c=") and len(words) == 3:
            host = words[2].split("/", 1)[0]
            if streams:
                streams[-1] = (streams[-1][0], streams[-1][1], host)
            else:
                session_host = host
        elif line.startswith("m="):
            if len(words) < 4:
                raise ValueError("a bad m= line")
            streams.append((words[0], words[1:], session_host))
    return streams
