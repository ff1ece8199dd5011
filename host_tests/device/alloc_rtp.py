"""Cases of alloc_proof.py: the RTP path of lib/usip, sound and reports both ways."""

import struct
import sys

if "plain" in sys.argv[2:]:
    sys.modules["usip._viper"] = object()
if sys.platform == "webassembly":  # no sockets there, and none are needed
    sys.modules["socket"] = sys.modules["select"] = object()

    class Os:
        def urandom(n):
            return bytes([0xF0] * n)

    sys.modules["os"] = Os

from usip.audio import Echo, Tone
from usip.playout import Playout
from usip.rtcp import Rtcp
from usip.rtp import Stream
from usip.sender import Sender


class Clock:
    """Ticks in ms that wrap as on an ESP32."""

    now = 0

    def pass_ms(self, ms):
        self.now = self.now + ms & 0x1FFFFFFF

    def ticks_ms(self):
        return self.now

    def ticks_us(self):
        return self.now * 1000 & 0x1FFFFFFF if self.now < 0x40000 else self.now & 0x1FFFFFFF

    def ticks_add(self, a, b):
        return a + b & 0x1FFFFFFF

    def ticks_diff(self, a, b):
        return (a - b + 0x10000000 & 0x1FFFFFFF) - 0x10000000

    def time_ns(self):
        return 1767225600 * 1000000000


class Socket:
    """Takes everything; gives one packet again and again, with the next number."""

    def __init__(self, packet, numbered=True):
        self.packet = packet
        self.pair = (packet, None)  # made once: what a real recvfrom() allocates is its own
        self.numbered = numbered
        self.seq = 0
        self.step = 1
        self.taken = 0
        self.open = False

    def ready(self):
        return self.open

    def sendto(self, data, peer):
        self.taken += 1
        return len(data)

    def recv(self, n):
        if self.numbered:
            self.seq = self.seq + self.step & 0xFFFF
            struct.pack_into(">H", self.packet, 2, self.seq)
        return self.packet

    def recvfrom(self, n):
        self.recv(n)
        return self.pair


class Agreed:
    host = ""
    port = 7000
    rtcp_port = 7001
    payload = codec = 0
    event = 101
    sends = receives = True


def sound(kind=0, octets=160):
    return bytearray(struct.pack(">BBHII", 0x80, kind, 0, 0xF0000000, 0xF0000001)) + bytes(octets)


def stream(audio, packet, codec=0, **more):
    clock = Clock()
    sock = Socket(packet)
    made = Stream(sock, sock.ready, audio, clock, resolve=lambda host, port: None, **more)
    agreed = Agreed()
    agreed.payload = agreed.codec = codec
    made.start("peer", agreed)
    sock.open = True  # not before: what waits when a call begins is thrown away
    made.clock = clock
    made.sock = sock
    return made


def rtp_both_ways(codec=0, audio=None, **more):
    s = stream(audio or Echo(), sound(codec), codec, **more)
    for _ in range(10):  # the first is recvfrom()'s, and is not of this proof
        s.clock.pass_ms(20)
        s.poll()
    assert s.latched and s.sock.taken >= 10 and s.playout.played > 0

    def step():
        s.clock.pass_ms(20)
        s.poll()

    return step


def rtp_alaw_and_a_tone():
    return rtp_both_ways(8, Tone(440))


def rtp_events():
    s = stream(Tone(440), sound(101, 4), on_digit=None)
    s.poll()

    def step():
        s.clock.pass_ms(20)
        if not s.sender.events.busy:
            s.sender.events._at = 0
        s.poll()

    s.dial("123456789*0#")
    return step


def rtp_late():
    s = stream(Tone(440), sound())
    s.poll()

    def step():
        s.clock.pass_ms(150)
        s.poll()
        return 7

    return step


def playout_out_of_order():
    p = Playout(2, 6)
    packet = sound()
    p.at = 0

    def step():
        at = p.at = p.at + 1 & 0xFFFF
        if at % 7:
            p.put(packet, at ^ 1)
        if at % 5 == 0:
            p.put(packet, at - 3 & 0xFFFF)
        p.frame(0)

    return step


def rtcp_both_ways():
    report = struct.pack(">BBHI", 0x81, 200, 12, 0xF0000001) + b"\xff" * 20
    sender = Sender(Socket(None))
    ssrc = struct.pack(">HH", sender.ssrc_high, sender.ssrc_low)
    sock = Socket(report + ssrc + b"\xff" * 20, False)
    sock.open = True
    clock = Clock()
    rtcp = Rtcp(sock, sock.ready, clock, "201@192.0.2.1", sender)
    s = stream(Echo(), sound())
    s.poll()
    rtcp.start("peer", s.stats)

    def step():
        clock.pass_ms(7000)
        sender.sent += 1
        rtcp.poll()

    step()
    assert rtcp.sent == 1 and rtcp.received == 1 and rtcp.remote_fraction == 255
    return step


CASES = (
    rtp_both_ways,
    rtp_alaw_and_a_tone,
    rtp_events,
    rtp_late,
    playout_out_of_order,
    rtcp_both_ways,
)
