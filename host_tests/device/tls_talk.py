"""A client that taps its TLS connection: tls_talk.py PORT. Prints what was captured, as JSON.

Sends two messages and expects three, in records that end anywhere.
"""

import json
import select
import socket
import ssl
import sys

sys.path.insert(0, __file__.rpartition("/")[0])
from capture_doubles import agent, drain, field
from real_sockets import at
from uhep import TLS
from uhep.stream import tap

ASKED = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: asked\r\nContent-Length: 2\r\n\r\nab"
ANSWERED = b"SIP/2.0 200 OK\r\nCall-ID: answered\r\nContent-Length: 4\r\n\r\nv=0\n"

if __name__ == "__main__":
    a = agent()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if hasattr(context, "check_hostname"):
        context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect(at(int(sys.argv[1])))
    t = tap(context.wrap_socket(sock), a, ("192.0.2.10", 40000), ("192.0.2.20", 5061), TLS)
    for _ in range(2):
        assert t.write(ASKED) == len(ASKED)
    if sys.implementation.name == "micropython":
        t.setblocking(False)  # a blocking read waits for all that it is asked for
    poll = select.poll()
    poll.register(t, select.POLLIN)
    got = b""
    while len(got) < 3 * len(ANSWERED):
        assert poll.poll(5000)
        got += t.read(50) or b""
    assert got == ANSWERED * 3
    t.untap().close()
    print(json.dumps([[field(p, 15).decode(), field(p, 8)[1]] for p in drain(a)]))
