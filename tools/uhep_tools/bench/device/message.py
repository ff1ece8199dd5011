"""The packet that every figure is about: an INVITE with SDP, 600 octets, and who captures it."""

NODE = 2001
KEY = "sesame"
NAME = "desk-17"
HERE = ("192.0.2.10", 5060)
THERE = ("192.0.2.20", 5060)
CALL_ID = b"3848276298220188511@192.0.2.10"

INVITE = (
    b"INVITE sip:202@192.0.2.20:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Reception" <sip:201@192.0.2.20>;tag=1928301774\r\n'
    b"To: <sip:202@192.0.2.20>\r\n"
    b"Call-ID: " + CALL_ID + b"\r\n"
    b"CSeq: 31415 INVITE\r\n"
    b"Contact: <sip:201@192.0.2.10:5060>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
    b"User-Agent: desk-17\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 183\r\n"
    b"\r\n"
    b"v=0\r\n"
    b"o=201 2890844526 2890844526 IN IP4 192.0.2.10\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.10\r\n"
    b"t=0 0\r\n"
    b"m=audio 49172 RTP/AVP 0 101\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
    b"a=sendrecv\r\n"
)
