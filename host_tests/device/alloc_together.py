"""Cases of alloc_proof.py: TCP, filters, priorities, redaction and trigger at once."""

import gc

from uhep import IN, OUT, RTCP
from uhep.guard import Guard

V4 = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
OTHER = (("192.0.2.10", 5060), ("198.51.100.9", 5060))
CONFIG = {
    "capture_address": ["192.0.2.1:9060", "192.0.2.2:9060"],
    "queue_bytes": 6144,
    "status_s": 1,
    "keepalive_s": 1,
    "skip_methods": ["PUBLISH"],
    "skip_responses": ["1xx"],
    "keep_first": 2,
    "skip_peers": ["198.51.100.0/24"],
    "only_peers": ["192.0.2.0/25", "2001:db8::/32"],
    "sample": 2,
    "rates": [1, 2, 2, 100],
    "rate_burst": 4,
    "redact": ["auth", "keys", "message", "dtmf", "users"],
    "redact_salt": "sesame open",
    "trigger_s": 2,
    "trigger_after_s": 2,
    "trigger_mos": 300,
}
SECRETS = b"5f3a", b"6629fae4", b"Signal=5", b"Where are you", b"WVNfX19z", b"alice"
DTMF = b"c: application/dtmf-relay\r\nContent-Length: 8\r\n\r\nSignal=5"
TEXT = b"Content-Length: 13\r\n\r\nWhere are you"
REPORT = bytes(100)
KEYS = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9|2^20\r\n"
AUTH = b'Authorization: Digest username="alice", nonce="5f3a", response="6629fae49393a053"\r\n'


def message(start, method, call, rest=b"Content-Length: 0\r\n\r\n"):
    head = b"\r\nFrom: <sip:alice@h>;tag=9f\r\nTo: <sip:bob@h>\r\nCall-ID: %d\r\nCSeq: 1 %s\r\n"
    return start + head % (call, method) + rest


def traffic():
    """[(way, octets)]: calls, one of them refused, and what is between them."""
    found = []
    for call in range(40, 48):
        final = b"503 No" if call == 40 else b"200 OK"
        body = AUTH + b"Content-Type: application/sdp\r\n\r\n" + KEYS
        found += [
            (OUT, message(b"INVITE sip:b@h SIP/2.0", b"INVITE", call, body)),
            (IN, message(b"SIP/2.0 180 Ringing", b"INVITE", call)),
            (IN, message(b"SIP/2.0 " + final, b"INVITE", call, body)),
            (OUT, message(b"ACK sip:b@h SIP/2.0", b"ACK", call)),
            (OUT, message(b"INFO sip:b@h SIP/2.0", b"INFO", call, DTMF)),
            (IN, message(b"MESSAGE sip:b@h SIP/2.0", b"MESSAGE", call, TEXT)),
            (OUT, message(b"BYE sip:b@h SIP/2.0", b"BYE", call)),
            (IN, message(b"SIP/2.0 200 OK", b"BYE", call)),
            (OUT, message(b"OPTIONS sip:b@h SIP/2.0", b"OPTIONS", 50)),
            (OUT, message(b"OPTIONS sip:b@h SIP/2.0", b"OPTIONS", 50)),
            (OUT, message(b"REGISTER sip:h SIP/2.0", b"REGISTER", 52, AUTH + b"\r\n")),
            (OUT, message(b"PUBLISH sip:b@h SIP/2.0", b"PUBLISH", 54)),
        ]
    return found


class Everything:
    def __init__(self, made):
        self.agent, link = made
        self.ms = link._ticks
        self.sip = self.agent.flow(*V4)
        self.skipped = self.agent.flow(*OTHER)
        self.report = self.agent.flow(*V4, kind=RTCP)
        self.coming = traffic()
        self.i = 0
        guard = self.agent._guard
        while guard:
            if hasattr(guard, "_ticks"):
                guard._ticks = self.ms
            if hasattr(guard, "gates"):
                guard._due = guard._until = 0
            elif hasattr(guard, "_when"):
                guard._when = [0] * 4
            guard = guard._next
        status = self.agent.status
        status._ticks = self.ms
        status._told = status._due = status._calm = 0
        status.heap = gc.mem_free

    def step(self):
        a = self.agent
        way, text = self.coming[self.i % len(self.coming)]
        self.i += 1
        self.ms.now = self.ms.now + 100 & 0x1FFFFFFF
        a.ticks.now = a.ticks.now + 100000 & 0x1FFFFFFF
        a.capture(self.sip, way, text, len(text))
        a.capture(self.skipped, way, text, len(text))
        a.capture(self.report, way, REPORT, 100, b"40")
        if self.i % 25 > 14:  # else the connection takes nothing for a while
            self.polls()
        a.stats()

    def polls(self):
        self.agent.poll()
        self.agent.poll()
        self.agent.poll()
        self.agent.poll()

    def check(self, *did):
        """Everything had something to do, and no secret is in the ring."""
        for _ in range(320):
            self.step()
        s = self.agent.stats()
        for name in did + ("filtered", "sampled_out", "limited_0", "limited_1", "sent"):
            assert s[name] > 2, (name, s)
        assert s["dropped_oldest_1"] > 2 and s["errors"] == 0, s
        for secret in SECRETS:
            assert self.agent.ring.buf.find(secret) < 0, secret


def cases(connected):
    """The cases as functions; connected: makes an agent and its link."""

    def made(**more):
        config = dict(CONFIG)
        config.update(more)
        return Everything(connected(300, 3, **config))

    def everything_over_tcp():
        all_of_it = made()
        all_of_it.check("expired", "triggers")
        return lambda: all_of_it.step()

    def everything_over_tls_but_for_the_library():
        all_of_it = made(tls=True)
        all_of_it.check("expired", "triggers")
        return lambda: all_of_it.step()

    def everything_but_a_trigger():
        all_of_it = made(trigger_s=0, max_packet=1500, queue_bytes=3072)
        all_of_it.check()
        return lambda: all_of_it.step()

    def bad_guard():
        class Noting(Guard):
            def admit(self, flow, way, buf, n):
                self.noted = buf[:4]
                return self._next.admit(flow, way, buf, n)

        all_of_it = made()
        Noting(all_of_it.agent)
        return lambda: all_of_it.step()

    def bad_write():
        all_of_it = made(trigger_s=0)
        link = all_of_it.agent.link.links[0]
        write = link._raw

        def copying(buf, at, n):
            return write(buf, at, len(memoryview(buf)[at : at + n]))

        link._raw = copying
        return lambda: all_of_it.step()

    return (
        everything_over_tcp,
        everything_over_tls_but_for_the_library,
        everything_but_a_trigger,
        bad_guard,
        bad_write,
    )
