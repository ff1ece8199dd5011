"""What the agent captures in the peer tests: calls, reports, logs, and awkward SIP."""

from peers.agent import Capture

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"


def sip(first, call_id, cseq, *more, body=b"", **where):
    """A SIP message, with what a parser is to read in it as the Capture's `says`."""
    words = first.split()
    reply = words[0] == b"SIP/2.0"
    own_id = [line for line in more if line[:1] in b"iIcC"]
    head = [
        first,
        b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-" + cseq.replace(b" ", b""),
        b"From: <sip:desk@uhep.test>;tag=from-1",
        b"To: <sip:alice@uhep.test>;tag=to-1",
        *([] if own_id else [b"Call-ID: " + call_id]),
        b"CSeq: " + cseq,
        *more,
        b"Content-Length: %d" % len(body),
    ]
    says = {
        "method": (words[1] if reply else words[0]).decode(),
        "reply_reason": first.split(b" ", 2)[2].decode() if reply else "",
        "ruri_user": "" if reply else "alice",
        "callid": call_id.decode(),
        "cseq": cseq.decode(),
        "from_user": "desk",
        "from_tag": "from-1",
        "to_user": "alice",
        "to_tag": "to-1",
    }
    return Capture(b"\r\n".join(head) + b"\r\n\r\n" + body, says=says, **where)


def call(call_id, **where):
    """The messages of a call that the device makes."""
    uri = b" sip:alice@uhep.test SIP/2.0"
    return [
        sip(b"INVITE" + uri, call_id, b"1 INVITE", body=SDP, out=True, **where),
        sip(b"SIP/2.0 100 Trying", call_id, b"1 INVITE", out=False, **where),
        sip(b"SIP/2.0 180 Ringing", call_id, b"1 INVITE", out=False, **where),
        sip(b"SIP/2.0 200 OK", call_id, b"1 INVITE", body=SDP, out=False, **where),
        sip(b"ACK" + uri, call_id, b"1 ACK", out=True, **where),
        sip(b"BYE" + uri, call_id, b"2 BYE", out=False, **where),
        sip(b"SIP/2.0 200 OK", call_id, b"2 BYE", out=True, **where),
    ]


V6 = {"local": ("2001:db8::10", 5060), "remote": ("2001:db8:ffff::20", 65535)}
CALL = call(b"call-4@uhep.test")
CALL_TCP = call(
    b"call-tcp@uhep.test", proto=6, local=("0.0.0.1", 1), remote=("255.255.255.254", 2)
)
CALL_V6 = call(b"call-6@uhep.test", **V6)

_MESSAGE = b"MESSAGE sip:alice@uhep.test SIP/2.0"
AWKWARD = [
    sip(_MESSAGE, b"compact-1", b"1 MESSAGE", b"i: compact-1"),
    sip(_MESSAGE, b"spaced-1", b"2 MESSAGE", b"CALL-ID \t:\t spaced-1"),
    sip(_MESSAGE, b"folded-1", b"3 MESSAGE", b"Call-ID:\r\n folded-1"),
    sip(
        _MESSAGE, b"'; DROP TABLE sip_capture; --", b"4 MESSAGE", b'Subject: "quo\\"ted" 50% \'x\''
    ),
    sip(_MESSAGE, b"utf8-1", b"5 MESSAGE", "Subject: Zoë".encode(), body="grüße ☎".encode()),
    sip(_MESSAGE, b"binary-1", b"6 MESSAGE", body=bytes(range(1, 256))),
    sip(_MESSAGE, b"x" * 120, b"7 MESSAGE", body=b"A" * 1300),
    sip(_MESSAGE, b"large-1", b"8 MESSAGE", body=b"L" * 60000),
]

RTCP = [
    Capture(
        b'{"ssrc":305419896,"type":200,"report_count":0,"report_blocks":[]}',
        kind=5,
        cid=b"call-4@uhep.test",
        local=("192.0.2.10", 16385),
        remote=("198.51.100.20", 40001),
    ),
    Capture(b'{"ssrc":1,"type":201}', kind=5, cid=b"call-6@uhep.test", out=False, **V6),
]
LOGS = [
    Capture(b"registered at 'pbx', 100% fine", kind=100, cid=b"call-4@uhep.test"),
    Capture(b"link down", kind=100, cid=b"desk-17", **V6),
]
