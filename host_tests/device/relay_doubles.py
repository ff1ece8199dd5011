"""A relay between one phone and one server, for both interpreters."""

from doubles import Clock
from usip.lines import Lines
from usip.relay import Relay
from usip.seal import Seal
from usip.ways import PHONE, SERVER

HERE = [("192.0.2.5", 5060), ("192.0.2.5", 5062)]
DESK = (PHONE, False, "192.0.2.21", 5060)
PBX = (SERVER, False, "192.0.2.9", 5060)
CONTACT = "<sip:desk@192.0.2.21:5060>"
TO = "<sip:bob@pbx.example>"


def tcp(hop, port=None):
    """The same hop over TCP, maybe of another port."""
    return (hop[0], True, hop[2], port or hop[3])


def relay(server=PBX, path=False, clock=None, key=b"0123456789abcdef"):
    return Relay(HERE, server, Seal(key), path, clock or Clock())


def request(method, uri="sip:bob@pbx.example", *fields, to=TO, branch="z9hG4bKone", **more):
    """Octets of a request as the desk phone writes it."""
    sender = more.get("sender", DESK)
    lines = [
        "%s %s SIP/2.0" % (method, uri),
        "Via: SIP/2.0/%s %s:%d;branch=%s%s"
        % (
            "TCP" if sender[1] else "UDP",
            more.get("sent_by", sender[2]),
            5060 if sender[1] else sender[3],
            branch,
            more.get("rport", ";rport"),
        ),
        "From: <sip:desk@pbx.example>;tag=d1",
        "To: " + to,
        "Call-ID: " + more.get("call", "c1"),
        "CSeq: %d %s" % (more.get("seq", 1), more.get("of", method)),
        "Max-Forwards: %s" % more.get("hops", 70),
    ]
    return "\r\n".join(lines + list(fields) + ["", ""]).encode() + more.get("body", b"")


def response(data, status, *fields, tag="b1"):
    """Octets of the answer of who received the request `data`."""
    m = Lines(data)
    lines = ["SIP/2.0 %d Because" % status]
    for name in ("via", "record-route", "from", "to", "call-id", "cseq"):
        for value in m.all(name):
            if name == "to" and ";tag=" not in value:
                value += ";tag=" + tag
            lines.append("%s: %s" % (name, value))
    return "\r\n".join(lines + list(fields) + ["", ""]).encode()


def gone(taken):
    """(the message as Lines, hop) of what a relay said."""
    assert taken, taken
    return Lines(taken[0]), taken[1]


def routes(data):
    """The route set of who got the answer `data`: as Route fields, first hop first."""
    found = ["Route: " + value for value in Lines(data).all("record-route")]
    found.reverse()
    return found


def way(data):
    """The route set of who got the request `data`."""
    return ["Route: " + value for value in Lines(data).all("record-route")]
