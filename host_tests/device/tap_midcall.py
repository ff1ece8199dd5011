"""Answers real calls while taps come and go before its socket, at any octet.

    INTERPRETER tap_midcall.py udp|tcp PORT SEED CALLS

Prints one JSON object: `log`: the messages received and those sent, as hex; `taps`: of each tap
what it captured and what it should have; `always`: what the one captured that was always there.
"""

import json
import random
import socket
import sys

sys.path.insert(0, __file__.rpartition("/")[0])

from capture_doubles import agent, drain, field
from real_sockets import HOST, TCP, at
from uhep import stream, tap

UDP = sys.argv[1] == "udp"
_TAPS = 4


def payloads(a):
    """[received, sent] messages that an agent has captured."""
    found = [[], []]
    for packet in drain(a):
        port = field(packet, 7)  # the source: us or sipp
        found[port[0] << 8 | port[1] == PORT].append(field(packet, 15).hex())
    return found


class Watch:
    """One tap, its agent, and what it should capture: `want` as [received, sent]."""

    def __init__(self, sock):
        self.agent = agent(queue_bytes=16384, max_packet=4096)
        if UDP:
            self.tap = tap.tap(sock, self.agent, (HOST, PORT))
        else:
            self.tap = stream.tap(sock, self.agent, (HOST, PORT), (HOST, 1), headers=2048)
        self.want = [[], []]
        self.got = [[], []]
        self.begun = [None, None]  # what it has seen of a message from its first octet on

    def passed(self, way, data, first, last):
        """Octets of one message have passed; whether with the first, with the last of it."""
        if first:
            self.begun[way] = b""
        if self.begun[way] is not None:
            self.begun[way] += data
            if last:
                self.end(way)

    def end(self, way):
        seen = self.begun[way]
        self.begun[way] = None
        if seen and b"\n" in seen:  # of less than a start line, a stream tap knows nothing
            self.want[way].append(seen.hex())

    def collect(self):
        for way, found in enumerate(payloads(self.agent)):
            self.got[way] += found

    def untapped(self):
        """The end of it: (what it captured, what it should have)."""
        for way in (0, 1):
            self.end(way)
        self.collect()
        return self.got, self.want


class Line:
    """The socket of a SIP stack, with taps before it that come and go between any two calls."""

    def __init__(self, sock):
        self.sock = sock
        self.always = Watch(sock)
        self.sock = self.always.tap
        self.watches = [self.always]
        self.gone = []
        self.part = [b"", b""]  # of the message that is under way

    def change(self):
        for watch in self.watches:
            watch.collect()
        for _ in range(random.getrandbits(2)):
            if len(self.watches) < _TAPS and random.getrandbits(1):
                # The rest of a start line looks like one, and is taken for one.
                if all(not part or b"\n" in part for part in self.part):
                    self.watches.append(Watch(self.sock))
                    self.sock = self.watches[-1].tap
            elif len(self.watches) > 1:
                watch = self.watches.pop(1 + random.getrandbits(8) % (len(self.watches) - 1))
                left = watch.tap.untap()
                if watch.tap is self.sock:
                    self.sock = left
                self.gone.append(watch.untapped())

    def passed(self, way, data):
        """Octets have passed; the messages that ended with them."""
        ended = []
        while data:
            had = self.part[way]
            n = length(had + data)
            take = len(data) if not n else min(len(data), n - len(had))
            last = bool(n) and len(had) + take == n
            for watch in self.watches:
                watch.passed(way, data[:take], not had, last)
            self.part[way] = b"" if last else had + data[:take]
            if last:
                ended.append(had + data[:take])
            data = data[take:]
        return ended


def length(data):
    """Of the message that data begins with; 0: its header has not come."""
    head, found, _ = data.partition(b"\r\n\r\n")
    if not found:
        return 0
    n = 0
    for row in head.split(b"\r\n"):
        if row.lower().startswith(b"content-length:"):
            n = int(row.split(b":")[1])
    return len(head) + 4 + n


def answer(request, status, body=b""):
    rows = [r for r in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    keep = [r for r in rows if r.split(b":")[0] in (b"Via", b"From", b"Call-ID", b"CSeq")]
    to = [r if b";tag=" in r else r + b";tag=b" for r in rows if r.startswith(b"To:")]
    first = b"SIP/2.0 " + status
    contact = b"Contact: <sip:%s:%d>" % (HOST.encode(), PORT)
    size = b"Content-Length: %d" % len(body)
    return b"\r\n".join([first] + keep + to + [contact, size, b"", b""]) + body


def answers(request):
    method = request.split(b" ", 1)[0]
    if method == b"INVITE":
        body = request.split(b"\r\n\r\n", 1)[1]
        return [answer(request, b"180 Ringing"), answer(request, b"200 OK", body)]
    return [] if method == b"ACK" else [answer(request, b"200 OK")]


def write(line, data, peer):
    while data:
        n = len(data) if UDP else 1 + random.getrandbits(9)
        line.change()
        n = line.sock.sendto(data, peer) if UDP else line.sock.send(data[:n])
        line.passed(1, data[:n])
        data = data[n:]


def main(calls):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if UDP else TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(at(PORT))
    peer = None
    sock = listener
    if not UDP:
        listener.listen(1)
        sock = listener.accept()[0]
    line = Line(sock)
    log = [[], []]
    while calls:
        line.change()
        if UDP:
            data, peer = line.sock.recvfrom(4096)
        else:
            data = line.sock.recv(1 + random.getrandbits(9))
        for request in line.passed(0, data):
            log[0].append(request.hex())
            for each in answers(request):
                write(line, each, peer)
                log[1].append(each.hex())
            calls -= request.startswith(b"BYE ")
    while line.watches:
        watch = line.watches.pop()
        watch.tap.untap()
        line.gone.append(watch.untapped())
    json.dump({"log": log, "taps": line.gone, "always": line.always.got}, sys.stdout)


PORT = int(sys.argv[2])
random.seed(int(sys.argv[3]))
main(int(sys.argv[4]))
