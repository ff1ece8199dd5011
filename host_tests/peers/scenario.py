"""sipp scenarios of our own, written as Python: each step is a piece of XML."""

import re

_SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio [auto_media_port] RTP/AVP {formats}
a=rtpmap:101 telephone-event/8000
{more}"""
SDP = _SDP.format(formats="0 8 101", more="")
HOLD = _SDP.format(formats="0 8 101", more="a=sendonly\n")
G729 = _SDP.format(formats="18", more="")
# The header of what sipp answers, and what comes of the request by itself.
_ECHO = "[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
_CONTACT = "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>\n"


def _send(start, fields, body, options):
    kind = "Content-Type: application/sdp\n" if body.startswith("v=0") else ""
    text = f"{start}\n{fields}{kind}Content-Length: [len]\n\n{body}"
    return f"<send{options}><![CDATA[\n\n{text}\n]]></send>\n"


def request(
    method, seq, body="", fields="", tag="[peer_tag_param]", again="500", branch="", uri=None
):
    """A request of sipp's; `again`: ms until it is sent again, "" for never."""
    head = f"""Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]{branch}
From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]s[call_number]
To: <sip:device@[remote_ip]:[remote_port]>{tag}
Call-ID: [call_id]
CSeq: {seq} {method}
Max-Forwards: 70
{_CONTACT}{fields}"""
    options = f' retrans="{again}"' if again else ""
    start = f"{method} {uri or 'sip:device@[remote_ip]:[remote_port]'} SIP/2.0"
    return _send(start, head, body, options)


def invite(seq=1, body=SDP, fields="", tag="", **more):
    return request("INVITE", seq, body, fields, tag, **more)


def ack(seq=1, body="", tag="[peer_tag_param]", **more):
    return request("ACK", seq, body, tag=tag, again="", **more)


def answer(status, body="", fields="", tag=";tag=[pid]s[call_number]", again="", lost=""):
    """A response of sipp's to the last request."""
    options = f' retrans="{again}"' if again else ""
    options += f' lost="{lost}"' if lost else ""
    return _send(f"SIP/2.0 {status} X", _ECHO.format(tag=tag) + _CONTACT + fields, body, options)


def late(response):
    """A response to the INVITE, although another request has come since."""
    response = response.replace("[last_Via:]", "Via: [$2]")
    return response.replace("[last_CSeq:]", "CSeq: 1 INVITE")


def takes(*what, optional=False, check="", **more):
    """sipp waits for each of these: a status or a method. `check`: a regular expression that
    the whole message must match."""
    steps = []
    for each in what:
        kind = "response" if isinstance(each, int) else "request"
        options = ' optional="true"' if optional else ""
        options += "".join(f' {name}="{value}"' for name, value in more.items())
        check = re.sub('[<>"]', ".", check)  # what XML would want otherwise
        seek = f'<ereg regexp="{check}" search_in="msg" check_it="true" assign_to="1"/>'
        keep = '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="2"/>'
        inner = (seek if check else "") + (keep if each == "INVITE" else "")
        inner = f"<action>{inner}</action>" if inner else ""
        steps.append(f'<recv {kind}="{each}"{options}>{inner}</recv>\n')
    return "".join(steps)


def ringing():
    return takes(100, optional=True) + takes(180)


def pause(ms):
    return f'<pause milliseconds="{ms}"/>\n'


def write(path, *steps):
    """The scenario of these steps, in a file."""
    text = "".join(steps)
    used = "".join(f'<Reference variables="{n}"/>\n' for n in (1, 2) if f'assign_to="{n}"' in text)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="x">\n{text}{used}</scenario>\n'
    )
    return path
