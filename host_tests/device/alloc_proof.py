"""What a packet costs in memory, by three instruments. Runs under MicroPython only.

    micropython alloc_proof.py PACKETS [plain] [CASE ...]

Prints one JSON object a case: `lock` "ok" or "MemoryError" (heap_lock, PACKETS / 4), `net`
octets by which gc.mem_alloc() grew over PACKETS packets, `asked` octets ever asked for over
these (micropython.mem_total(); null where the build has none). "plain" takes the hot path in
bytecode; cases that are named are the only ones. Those whose names begin with "bad" allocate on
purpose.

A case makes a function that does a step, and returns how many packets that were, if not one.
"""

import gc
import json
import sys

import micropython

sys.path.insert(0, __file__.rpartition("/")[0] if "__file__" in globals() else "/device")
if "plain" in sys.argv[2:]:
    # Modules without names: what is imported from them fails.
    sys.modules["uhep._native"] = sys.modules["uhep._lines"] = object()
    sys.modules["uhep._hash"] = sys.modules["uhep._secrets"] = sys.modules["uhep._lines"]

from capture_doubles import CONFIG, Ticks
from uhep import IN, LOG, OUT, RTCP, UDP, Agent
from uhep.chunks import MOS
from uhep.guard import Guard
from uhep.link import UdpLink
from uhep.tap import tap

PACKETS = int(sys.argv[1])
V4 = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
V6 = (("2001:db8::10", 5060), ("2001:db8::20", 5060))
INVITE = (
    b"INVITE sip:bob@192.0.2.20 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice" <sip:alice@192.0.2.10>;tag=9fxced76sl\r\n'
    b"To: <sip:bob@192.0.2.20>\r\n"
    b"Call-ID: 3848276298220188511@192.0.2.10\r\n"
    b"CSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.10:5060>\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 000\r\n\r\n"
)
INVITE += b"a" * (600 - len(INVITE))


class Sink:
    """A link that takes everything and keeps nothing."""

    errors = refused = opened = unconfirmed = 0

    def __init__(self, takes=True):
        self._takes = takes
        self.write = self._write

    def _write(self, buf, at, n):
        return n if self._takes else None

    def open(self):
        return True


class Socket:
    """Takes datagrams and gives the same one again and again."""

    def sendto(self, buf, addr):
        return len(buf)

    def write(self, buf, at, n):
        return n


def agent(link=None, ticks=None, **more):
    config = dict(CONFIG)
    config.update(more)
    a = Agent(config, ticks or Ticks(), link or Sink())
    a.clock.set(1767225600)
    a._linked()
    return a


def sip(**more):
    a = agent()
    flow = a.flow(*V4, proto=UDP)

    def step():
        a.ticks.now = a.ticks.now + 1234567 & 0x1FFFFFFF
        a.capture(flow, OUT, INVITE, 600)
        a.poll()

    return step


def sip_ipv6():
    a = agent()
    flow = a.flow(*V6)

    def step():
        a.capture(flow, IN, INVITE, 600)
        a.poll()

    return step


def guarded():
    a = agent()
    flow = a.flow(*V4)
    Guard(a)
    Guard(a)

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()

    step()
    assert a.stats()["sent"] == 1
    return step


def a_response_and_no_sip():
    a = agent()
    t = tap(Socket(), a, V4[0])
    peer = ("192.0.2.20", 5070)
    response = b"SIP/2.0 200 OK\r\nCall-ID: a\r\nTo: x\r\nCSeq: 1\r\n\tREGISTER\r\n\r\n"
    stun = b"\0\1" + bytes(30)
    t.sendto(response, peer)

    def step():
        t.sendto(response, peer)
        t.sendto(stun, peer)
        t.sendto(b"\r\n", ("192.0.2.21", 5070))
        a.poll()
        return 3

    step()
    assert t.ignored["stun"] == t.ignored["keepalive"] == 1
    return step


def given_id_from_a_bytearray():
    a = agent()
    flow = a.flow(*V4, kind=RTCP)
    buf = bytearray(INVITE)

    def step():
        a.capture(flow, OUT, buf, 333, b"c1@192.0.2.10")
        a.poll()

    return step


def wrapping_and_dropping_the_oldest():
    a = agent(Sink(False), queue_bytes=4096)
    flow = a.flow(*V4)

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()

    return step


def dropping_the_newest():
    a = agent(Sink(False), queue_bytes=4096, drop="newest")
    flow = a.flow(*V4)

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()

    return step


def filtered():
    # Every filter: what is refused, and what passes all of them.
    a = agent(
        skip_methods=["OPTIONS"],
        skip_responses=["1xx"],
        skip_peers=["198.51.100.0/24", "2001:db8::/32"],
        only_peers=["192.0.2.0/25", "2001:db8::20"],
        sample=3,
        rates=[1, 1, 1, 1000],
        rate_burst=1000,
        status_s=0,
    )
    flow = a.flow(*V4)
    other = a.flow(*V6)
    messages = [INVITE.replace(b"3848276298220188511", b"%d" % i) for i in range(30)]
    messages += [INVITE.replace(b"INVITE sip", b"OPTIONS sip")]
    messages += [b"SIP/2.0 180 Ringing\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"]

    def one(message, n):
        a.capture(flow, OUT, message, n)
        a.capture(other, IN, message, n)
        a.poll()

    def step():
        messages.append(messages.pop(0))
        one(messages[0], len(messages[0]))
        a.stats()
        return 2

    for _ in range(330):
        step()
    s = a.stats()
    assert s["filtered"] > 50 and s["sampled_out"] > 10 and s["sent"] > 10, s
    return step


class Flood:
    """OPTIONS, reports and calls into a full ring; some of them leave."""

    options = INVITE.replace(b"INVITE sip", b"OPTIONS sip")

    def __init__(self):
        self.agent = agent(queue_bytes=4096)
        self.sip = self.agent.flow(*V4)
        self.report = self.agent.flow(*V4, kind=RTCP)
        self.outs = self.agent._out, self.agent._out[:2] + (Sink(False).write,)
        self.turn = 0

    def step(self):
        self.turn = self.turn + 1 & 15
        self.agent._out = self.outs[self.turn > 0]
        self.agent.capture(self.sip, OUT, self.options, 300)
        self.agent.capture(self.report, OUT, INVITE, 200, b"c")
        if self.turn & 3:
            self.agent.capture(self.sip, OUT, INVITE, 500)
        self.agent.poll()
        return 3


def sacrificing():
    flood = Flood()
    for _ in range(100):
        flood.step()
    s = flood.agent.stats()
    assert s["dropped_oldest_0"] and s["dropped_oldest_1"] and s["sent"], s
    return flood.step


def cut_empty_and_too_big():
    a = agent(max_packet=600)
    flow = a.flow(*V4)
    b = agent(queue_bytes=1024, max_packet=4096)
    flow_b = b.flow(*V4)
    big = bytearray(3000)

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.capture(flow, OUT, INVITE, 0)
        b.capture(flow_b, OUT, big, 3000)
        a.poll()
        return 3

    return step


def a_report_with_chunks():
    a = agent()
    flow = a.flow(*V4, kind=34, chunks={MOS: 0, 0x23: 0})

    def step():
        flow.put(MOS, 410)
        flow.put(0x23, 17)
        a.capture(flow, OUT, b'{"MOS":4.1}', 11, b"c1@192.0.2.10")
        a.poll()

    return step


def disabled():
    a = agent()
    flow = a.flow(*V4)
    a.enabled = False

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()

    return step


def idle_and_counters():
    a = agent()

    def step():
        a.poll()
        a.stats()

    return step


def stamps_at_the_wrap_of_ticks():
    a = agent(ticks=Ticks(0x3FFFFFFF))
    flow = a.flow(*V4, kind=LOG)

    def step():  # from 2^30 - 1 to 0, no time passing, and back
        a.capture(flow, OUT, b"x", 1)
        a.capture(flow, OUT, b"x", 1)
        a.ticks.now = 0
        a.capture(flow, OUT, b"x", 1)
        a.poll()
        a.ticks.now = 0x3FFFFFFF
        a.poll()
        return 3

    return step


def tapped():
    a = agent()
    t = tap(Socket(), a, V4[0])
    peer = ("192.0.2.20", 5070)

    def step():
        t.sendto(INVITE, peer)
        a.poll()

    return step


def tapped_with_a_bytearray_as_address():
    a = agent()
    t = tap(Socket(), a, V4[0])
    peer = bytearray(b"\x02\x00\x13\xc4\xc0\x00\x02\x14" + bytes(8))

    def step():
        t.sendto(INVITE, peer)
        a.poll()

    return step


def tapped_writing_from_the_middle():
    a = agent()
    t = tap(Socket(), a, V4[0])
    t._peer = ("192.0.2.20", 5070)
    buf = bytearray(b"##" + INVITE + b"##")

    def step():
        t.write(buf, 2, 600)
        a.poll()

    step()
    assert a.stats()["sent"] == 1
    return step


def tapped_by_a_flood_of_peers():
    a = agent(flows=2)
    t = tap(Socket(), a, V4[0])
    peers = [("192.0.2.%d" % (i % 250), 5000 + i) for i in range(40)]
    peers += [b"\x02\x00\x13\xc4" + bytes((10, 0, 0, i)) + bytes(8) for i in range(40)]
    at = [0]

    def step():
        at[0] = (at[0] + 1) % 80
        t.sendto(INVITE, peers[at[0]])
        a.poll()

    for _ in range(80):
        step()
    return step


def real_socket():
    import socket

    addr = socket.getaddrinfo("127.0.0.1", 9)[0][-1]
    drain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(20000, 60000, 7):
        addr = socket.getaddrinfo("127.0.0.1", port)[0][-1]
        try:
            drain.bind(addr)
            break
        except OSError:
            pass
    a = agent(UdpLink("127.0.0.1:%d" % port))
    flow = a.flow(*V4)
    a.keep = drain

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()

    step()
    assert a.stats()["sent"] == 1
    return step


class Stream:
    """A connection that takes `takes` octets a write, and nothing in every `stuck`th one."""

    def __init__(self, takes, stuck):
        self.takes = takes
        self.stuck = stuck
        self.n = 0

    def write(self, buf, at, n):
        self.n += 1
        if self.n == self.stuck:
            self.n = 0
            return None
        return n if n < self.takes else self.takes

    def readinto(self, buf):
        return None

    def close(self):
        pass


def connected(takes=5000, stuck=0, tls=False, **more):
    config = {"transport": "tls", "tls_verify": "none"} if tls else {"transport": "tcp"}
    config["status_s"] = 0
    config.update(CONFIG)
    config.update(more)
    a = Agent(config, Ticks())
    a.clock.set(1767225600)
    link = getattr(a.link, "links", [a.link])[0]
    link._ticks = Ticks()
    link.use(Stream(takes, stuck))
    if tls:
        link._stream, link._raw = link._raw, link._exactly
    if link is not a.link:
        a.link._take(link)
    a._linked()
    return a, link


def by_tcp(*args, **more):
    a, link = connected(*args, **more)
    flow = a.flow(*V4)

    def step():
        link._ticks.now = link._ticks.now + 700 & 0x1FFFFFFF
        a.capture(flow, OUT, INVITE, 600)
        a.poll()
        a.poll()
        a.poll()
        a.stats()

    for _ in range(10):
        step()
    assert a.stats()["sent"] > 5 and a.stats()["errors"] == 0
    return step


def tcp():
    return by_tcp()


def tcp_in_parts():
    return by_tcp(300, 3)


def tcp_with_keep_alives():
    a, link = connected(keepalive_s=1)

    def step():
        link._ticks.now = link._ticks.now + 1100 & 0x1FFFFFFF
        a.poll()

    for _ in range(10):
        step()
    assert a.stats()["sent"] > 2
    return step


def tcp_of_several_collectors():
    return by_tcp(capture_address=["192.0.2.1:9060", "192.0.2.2:9060"])


def tls_but_for_the_library():
    return by_tcp(300, 3, tls=True)


def tcp_waiting_for_its_next_attempt():
    a, link = connected()
    link.broken("")
    a._linked()
    flow = a.flow(*V4)

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()
        a.stats()

    return step


def real_connection():
    import socket

    server = socket.socket()
    for port in range(20000, 60000, 7):
        try:
            server.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            pass
    server.listen(1)
    config = {"transport": "tcp", "status_s": 0}
    config.update(CONFIG)
    config["capture_address"] = "127.0.0.1:%d" % port
    a = Agent(config, Ticks())
    a.clock.set(1767225600)
    for _ in range(1000):
        a.poll()
        if a.stats()["connects"]:
            break
    peer = server.accept()[0]
    peer.setblocking(False)
    buf = bytearray(4096)
    flow = a.flow(*V4)
    a.keep = server

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.poll()
        peer.readinto(buf)

    for _ in range(10):
        step()
    assert a.stats()["sent"] == 10
    return step


def status_lines():
    a = agent(status_s=1, queue_bytes=4096)
    status = a.status
    status._ticks = Ticks()
    status._told = status._due = status._calm = 0
    status.heap = gc.mem_free
    a.status_put("mos", 0)
    a.status_put("reset", "power on")
    flow = a.flow(*V4)
    told = [0]

    def step():  # packets are lost, and a line tells of it and of them
        status._ticks.now = status._ticks.now + 1100 & 0x1FFFFFFF
        a.status_put("mos", told[0] & 511)
        a.capture(flow, OUT, INVITE, 600)
        a.capture(flow, OUT, INVITE, 600)
        a.capture(flow, IN, INVITE, 600)
        a.capture(flow, IN, INVITE, 600)
        a.poll()
        told[0] = a.stats()["sent"]
        return 4

    for _ in range(10):
        step()
    assert a.stats()["dropped"] > 5 and a.stats()["captured"] > 45
    return step


def copies():
    a = Agent(two(), Ticks())
    flow = a.flow(*V4)
    flow6 = a.flow(*V6, kind=LOG)
    a.queues[0].link = Sink()
    a.queues[1].link = Sink(False)  # dead: its ring overflows
    a.queues[0]._linked()
    a.queues[1]._linked()
    a.clock.set(1767225600)

    def step():
        a.capture(flow, OUT, INVITE, 600)
        a.capture(flow6, IN, INVITE, 77, b"c1")
        a.poll()
        a.stats()
        return 2

    for _ in range(20):
        step()
    s = a.stats()
    assert s["sent"] == 40 and s["copy_dropped"] > 10 and s["copy_sent"] == 0, s
    return step


REGISTER = (
    b"REGISTER sip:192.0.2.20 SIP/2.0\r\n"
    b"From: <sip:alice@192.0.2.10>;tag=9f\r\nTo: <sip:alice@192.0.2.10>\r\n"
    b"Call-ID: 1@192.0.2.10\r\nCSeq: 2 REGISTER\r\n"
    b'Authorization: Digest username="alice", realm="a", nonce="5f3a", uri="sip:192.0.2.20",\r\n'
    b' response="6629fae49393a05397450978507c4ef1", cnonce="0a4f113b", qop=auth, nc=00000001\r\n'
    b"Content-Length: 0\r\n\r\n"
)
SDES = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9|2^20\r\n"


def redacted():
    a = agent(
        redact=["auth", "keys", "message", "dtmf", "users"], redact_salt="sesame open", status_s=0
    )
    flow = a.flow(*V4)
    text = b"MESSAGE" + INVITE[6:]
    keys = INVITE + SDES
    tones = b"INFO" + INVITE[6:].replace(b"INVITE", b"INFO")
    tones = tones.replace(b"application/sdp", b"application/dtmf-relay")

    def one(text):
        a.capture(flow, OUT, text, len(text))

    def step():
        one(REGISTER)
        one(text)
        one(keys)
        one(tones)
        a.poll()
        return 4

    step()
    return step


def triggered():
    a = agent(trigger_s=2, trigger_after_s=2, status_s=0, queue_bytes=16384)
    a.keep = ms = Ticks()
    trigger = a._guard
    trigger._ticks = ms
    trigger._due = trigger._until = 0
    flow = a.flow(*V4)
    rest = INVITE[INVITE.find(b"\r\n") :]
    said = (b"SIP/2.0 200 OK" + rest, b"ACK" + INVITE[6:], b"SIP/2.0 503 No" + rest)
    calls = [0]

    def step():
        a.keep.now = a.keep.now + 700 & 0x1FFFFFFF
        a.ticks.now = a.ticks.now + 700000 & 0x1FFFFFFF
        calls[0] += 1
        a.capture(flow, OUT, INVITE, 600)
        a.capture(flow, IN, said[0], 600)
        if calls[0] % 3:
            a.capture(flow, OUT, said[1], 600)
        if calls[0] % 12 == 0:
            a.capture(flow, IN, said[2], 600)
        a.poll()
        a.stats()
        return 3

    for _ in range(40):
        step()
    s = a.stats()
    assert s["triggers"] >= 3 and s["expired"] > 5 and s["sent"] > 10, s
    return step


def two():
    config = dict(CONFIG)
    config["collectors"] = "copy"
    config["capture_address"] = ["192.0.2.1:9060", "192.0.2.2:9060"]
    config["queue_bytes"] = 4096
    config["status_s"] = 0
    return config


def bad_object():
    def step():
        bytes(60)

    return step


def bad_big_int():
    # Only a build with 31-bit ints pays for this.
    a = [0x3FFFFFFF]

    def step():
        a[0] + 1

    return step


def bad_frame():
    # Passes heap_lock and leaves nothing behind: only mem_total sees it.
    def wide(a, b, c, d, e, f, g, h, i, j, k, m):
        return a

    def step():
        call(wide)

    def call(f):
        return f(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)

    return step


def bad_raise():
    # Passes heap_lock too.
    def step():
        try:
            raise ValueError
        except ValueError:
            pass

    return step


def bad_rarely():
    # Once in 50 packets.
    n = [0]

    def step():
        n[0] = (n[0] + 1) % 50
        if not n[0]:
            bytes(20)

    return step


CASES = (
    sip,
    sip_ipv6,
    guarded,
    a_response_and_no_sip,
    given_id_from_a_bytearray,
    wrapping_and_dropping_the_oldest,
    dropping_the_newest,
    sacrificing,
    filtered,
    cut_empty_and_too_big,
    a_report_with_chunks,
    disabled,
    idle_and_counters,
    stamps_at_the_wrap_of_ticks,
    tapped,
    tapped_with_a_bytearray_as_address,
    tapped_writing_from_the_middle,
    tapped_by_a_flood_of_peers,
    real_socket,
    tcp,
    tcp_in_parts,
    tcp_with_keep_alives,
    tcp_of_several_collectors,
    tls_but_for_the_library,
    tcp_waiting_for_its_next_attempt,
    real_connection,
    status_lines,
    copies,
    redacted,
    triggered,
    bad_object,
    bad_big_int,
    bad_frame,
    bad_raise,
    bad_rarely,
)

total = getattr(micropython, "mem_total", None)


def run(step, n):
    while n > 0:
        n -= step() or 1


def nothing():
    pass


def locked(step):
    gc.collect()
    micropython.heap_lock()
    try:
        run(step, PACKETS // 4)
        verdict = "ok"
    except MemoryError:
        verdict = "MemoryError"
    micropython.heap_unlock()
    return verdict


def counted(step):
    """What gc.mem_alloc() and mem_total() grow by, as (net, asked)."""
    gc.collect()
    gc.disable()
    a = gc.mem_alloc()
    t = total and total()
    run(step, PACKETS)
    t = total and total() - t
    a = gc.mem_alloc() - a
    gc.enable()
    return a, t


OURS = counted(nothing)[1]  # what counting itself asks for

NAMED = [word for word in sys.argv[2:] if word != "plain"]
if NAMED:
    CASES = [case for case in CASES if case.__name__ in NAMED]
else:
    import alloc_quality
    import alloc_rtp
    import alloc_stream
    import alloc_together

    CASES += alloc_stream.cases(agent, INVITE) + alloc_quality.cases(agent) + alloc_rtp.CASES
    CASES += alloc_together.cases(connected)
for case in CASES:
    if case in (real_socket, real_connection) and sys.platform == "webassembly":
        continue
    step = case()
    run(step, 3)
    net, asked = counted(step)
    result = {"case": case.__name__, "net": net, "asked": asked and asked - OURS}
    result["lock"] = locked(step)
    print(json.dumps(result))
print(json.dumps({"native": "uhep._plain" not in sys.modules}))
