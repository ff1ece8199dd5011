"""Calls as a fleet of phones makes them through a proxy, packet for packet.

The same seed makes the same calls. Of a hundred, some 70 are answered, the others are busy,
given up, refused; there are registrations with their challenge between them, retransmissions,
RTCP, a report a direction at the end, and a status line of each phone now and then.
"""

import heapq
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from uhep_tools.load.encode import Encoder

PROXY = ("192.0.2.1", 5060)
MEAN_PACKETS = 18  # of a call, about
_FIRST_NODE = 3001
_SDP = (
    "v=0\r\no=- {n} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


@dataclass(frozen=True)
class Phone:
    """An agent at a phone."""

    user: str
    address: tuple[str, int]
    encoder: Encoder


@dataclass(frozen=True)
class Sent:
    """A packet of a call. after_us: since the call began. call: its Call-ID."""

    after_us: int
    packet: bytes
    call: str


class Traffic:
    """A fleet of phones, and their calls one after another.

    phones: how many. key: the authentication key in every packet. seed: None for any.
    """

    def __init__(self, phones: int = 50, key: bytes | None = None, seed: int | None = 1):
        self._random = random.Random(seed)
        self._number = 0
        self._run = f"{self._random.getrandbits(32):08x}"
        self.phones = [
            Phone(
                str(100 + index),
                (f"198.51.100.{1 + index % 250}", 5060 + 2 * (index // 250)),
                Encoder(_FIRST_NODE + index, f"phone-{100 + index}".encode(), key),
            )
            for index in range(max(2, phones))
        ]

    def call(self, start_us: int) -> list[Sent]:
        """The packets of the next call or registration, in the order of time.

        start_us: when it begins, Unix microseconds.
        """
        self._number += 1
        chance = self._random.random()
        caller, callee = self._random.sample(self.phones, 2)
        story = _Story(self, caller, callee, self._number, start_us)
        if chance < 0.12:
            story.register()
        elif chance < 0.84:
            story.answered()
        elif chance < 0.91:
            story.refused(486, "Busy Here")
        elif chance < 0.96:
            story.cancelled()
        else:
            story.refused(*self._random.choice(((404, "Not Found"), (503, "Service Unavailable"))))
        return sorted(story.sent, key=lambda sent: sent.after_us)


class _Story:
    """One call being told."""

    def __init__(self, traffic: Traffic, caller: Phone, callee: Phone, number: int, start_us: int):
        self.random = traffic._random
        self.caller, self.callee = caller, callee
        self.start_us = start_us
        self.at = 0
        self.sent: list[Sent] = []
        self.call_id = f"{number:06x}-{traffic._run}@{caller.address[0]}"
        self.tag = f"{self.random.getrandbits(32):08x}"
        self.branch = f"z9hG4bK{self.random.getrandbits(48):012x}"

    def register(self) -> None:
        self._to_proxy("REGISTER", 1)
        self._from_proxy(401, "Unauthorized", "1 REGISTER")
        self._to_proxy("REGISTER", 2, authorized=True)
        self._from_proxy(200, "OK", "2 REGISTER")
        dropped = " dropped=4 dropped_oldest=4" if self.random.random() < 0.05 else ""
        text = (
            f"uhep why=time up={self.random.randrange(60, 900_000)} "
            f'heap={self.random.randrange(30_000, 90_000)} clock=set link="udp 192.0.2.9:9060" '
            f"captured={self.random.randrange(500, 1000)} sent={self.random.randrange(500)}"
            f'{dropped} high_water_bytes={self.random.randrange(700, 8000)} reset="power on"'
        )
        self._add(self.caller, self.caller.address, PROXY, text.encode(), kind=100, cid=b"uhep")

    def refused(self, status: int, reason: str) -> None:
        self._invite()
        self._wait(20, 400)
        self._response(status, reason, "1 INVITE")
        self._request("ACK", 1)

    def cancelled(self) -> None:
        self._invite()
        self._response(180, "Ringing", "1 INVITE")
        self._wait(5000, 20000)
        self._request("CANCEL", 1)
        self._response(200, "OK", "1 CANCEL")
        self._response(487, "Request Terminated", "1 INVITE")
        self._request("ACK", 1)

    def answered(self) -> None:
        self._invite()
        self._response(180, "Ringing", "1 INVITE")
        self._wait(1500, 9000)
        self._response(200, "OK", "1 INVITE", sdp=True)
        if self.random.random() < 0.08:
            self._wait(500, 501)
            self._response(200, "OK", "1 INVITE", sdp=True)
        self._request("ACK", 1)
        bad = self.random.random() < 0.15
        reports = self.random.randrange(2, 7)
        for number in range(1, reports + 1):
            self._wait(4900, 5100)
            self._rtcp(number, bad)
        self._request("BYE", 2)
        self._response(200, "OK", "2 BYE")
        for phone, peer in ((self.caller, self.callee), (self.callee, self.caller)):
            self._report(phone, peer, bad, reports * 5)

    def _invite(self) -> None:
        self._request("INVITE", 1, sdp=True)
        self._add(self.caller, PROXY, self.caller.address, self._said(100, "Trying", "1 INVITE"))

    def _wait(self, least_ms: int, most_ms: int) -> None:
        self.at += self.random.randrange(least_ms * 1000, most_ms * 1000)

    def _request(self, method: str, cseq: int, sdp: bool = False) -> None:
        """From the caller by the proxy to the callee: each phone captures its leg."""
        first = f"{method} sip:{self.callee.user}@example.net SIP/2.0"
        text = self._message(first, f"{cseq} {method}", self.caller, sdp)
        self._add(self.caller, self.caller.address, PROXY, text)
        self._add(self.callee, PROXY, self.callee.address, text)

    def _response(self, status: int, reason: str, cseq: str, sdp: bool = False) -> None:
        text = self._said(status, reason, cseq, sdp)
        self._add(self.callee, self.callee.address, PROXY, text)
        self._add(self.caller, PROXY, self.caller.address, text)

    def _said(self, status: int, reason: str, cseq: str, sdp: bool = False) -> bytes:
        return self._message(f"SIP/2.0 {status} {reason}", cseq, self.callee, sdp)

    def _to_proxy(self, method: str, cseq: int, authorized: bool = False) -> None:
        text = self._message(f"{method} sip:example.net SIP/2.0", f"{cseq} {method}", self.caller)
        if authorized:
            line = (
                f'Authorization: Digest username="{self.caller.user}", realm="example.net", '
                'nonce="xxxxxxxxxxxxxxxx", uri="sip:example.net", '
                'response="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"\r\n'
            )
            text = text.replace(b"Content-Length", line.encode() + b"Content-Length", 1)
        self._add(self.caller, self.caller.address, PROXY, text)

    def _from_proxy(self, status: int, reason: str, cseq: str) -> None:
        text = self._message(f"SIP/2.0 {status} {reason}", cseq, self.caller)
        self._add(self.caller, PROXY, self.caller.address, text)

    def _message(self, first: str, cseq: str, by: Phone, sdp: bool = False) -> bytes:
        host, port = self.caller.address
        user = self.caller.user
        to = self.caller if cseq.endswith("REGISTER") else self.callee
        tag = "" if first.startswith("INVITE") else f";tag={self.tag[::-1]}"
        body = _SDP.format(n=self.start_us // 1_000_000, host=by.address[0], port=4000)
        body = body if sdp else ""
        lines = [
            first,
            f"Via: SIP/2.0/UDP {host}:{port};branch={self.branch}{cseq[0]};rport",
            "Max-Forwards: 70",
            f'From: "Phone {user}" <sip:{user}@example.net>;tag={self.tag}',
            f"To: <sip:{to.user}@example.net>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq}",
            f"Contact: <sip:{by.user}@{by.address[0]}:{by.address[1]}>",
            "User-Agent: usip/0.1",
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def _rtcp(self, number: int, bad: bool) -> None:
        for phone, peer in ((self.caller, self.callee), (self.callee, self.caller)):
            fraction = self.random.randrange(8, 40) if bad else self.random.randrange(0, 3)
            content = {
                "ssrc": phone.encoder.node,
                "type": 200,
                "report_count": 1,
                "sender_information": {
                    "ntp_timestamp_sec": 3_976_214_400 + number * 5,
                    "ntp_timestamp_usec": 0,
                    "rtp_timestamp": number * 40_000,
                    "packets": number * 250,
                    "octets": number * 40_000,
                },
                "report_blocks": [
                    {
                        "source_ssrc": peer.encoder.node,
                        "fraction_lost": fraction,
                        "packets_lost": fraction * number,
                        "highest_seq_no": number * 250,
                        "ia_jitter": self.random.randrange(16, 400 if bad else 60),
                        "lsr": 0,
                        "dlsr": 0,
                    }
                ],
            }
            mos = 300 - fraction if bad else 436 - fraction
            here, there = (phone.address[0], 4001), (peer.address[0], 4001)
            payload = json.dumps(content).encode()
            self._add(phone, here, there, payload, kind=5, mos=mos)

    def _report(self, phone: Phone, peer: Phone, bad: bool, seconds: int) -> None:
        expected = seconds * 50
        lost = expected * self.random.randrange(3, 9) // 100 if bad else 0
        mos = round(2.6 + self.random.random() / 2 if bad else 4.3 + self.random.random() / 12, 2)
        jitter = round(self.random.uniform(8, 40) if bad else self.random.uniform(0.5, 4), 1)
        content = {
            "CORRELATION_ID": self.call_id,
            "RTP_SIP_CALL_ID": self.call_id,
            "TYPE": "FINAL",
            "TOTAL_PK": expected - lost,
            "EXPECTED_PK": expected,
            "PACKET_LOSS": lost,
            "JITTER": jitter,
            "MEAN_JITTER": jitter,
            "MAX_JITTER": round(jitter * 2.2, 1),
            "MOS": mos,
            "RFACTOR": round(20 * mos),
        }
        here, there = (phone.address[0], 4000), (peer.address[0], 4000)
        payload = json.dumps(content).encode()
        self._add(phone, there, here, payload, kind=34, mos=round(mos * 100))

    def _add(self, phone: Phone, source, target, payload, kind=1, mos=None, cid=None) -> None:
        self.at += self.random.randrange(300, 3000)
        packet = phone.encoder.packet(
            source,
            target,
            payload,
            self.start_us + self.at,
            kind=kind,
            cid=cid or self.call_id.encode(),
            mos=mos,
        )
        self.sent.append(Sent(self.at, packet, self.call_id))


def stream(traffic: Traffic, start_us: int, calls_a_second: float) -> Iterator[Sent]:
    """Packets without an end in the order of time, so many calls beginning in a second.

    after_us: since start_us.
    """
    begun = 0
    waiting: list[tuple[int, int, Sent]] = []
    order = 0
    while True:
        begins = int(begun * 1_000_000 / calls_a_second)
        for sent in traffic.call(start_us + begins):
            order += 1
            item = Sent(begins + sent.after_us, sent.packet, sent.call)
            heapq.heappush(waiting, (item.after_us, order, item))
        begun += 1
        until = int(begun * 1_000_000 / calls_a_second)
        while waiting and waiting[0][0] < until:
            yield heapq.heappop(waiting)[2]
