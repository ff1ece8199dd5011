"""Two real phones that register and call through the probe."""

from collections import Counter

import pytest
from peers import baresip, kamailio, network
from peers.listener import listener
from peers.probe import probe
from uhep_tools.hep import decode
from waiting import until


class Seen:
    """What has been captured: by the probe on its two legs, and by Kamailio."""

    def __init__(self, collector, it):
        self._collector = collector
        self._it = it

    def legs(self):
        """(packets of the phones' leg, of the server's leg, of Kamailio)."""
        packets = list(map(decode, list(self._collector.packets)))
        probe = [p for p in packets if p.node_name]
        return (
            [p for p in probe if self._it.sip_port in (p.sport, p.dport)],
            [p for p in probe if self._it.sip_port not in (p.sport, p.dport)],
            [p for p in packets if not p.node_name],
        )

    def wait(self, count, start, method):
        """Until that many messages with this start and CSeq have crossed the phones' leg."""

        def enough():
            cseq = b" " + method + b"\r\n"
            found = [p.payload for p in self.legs()[0]]
            return sum(m.startswith(start) and cseq in m for m in found) >= count

        until(enough, lambda: f"{count} x {start} {method}:\n{self.text()}")

    def text(self):
        return "\n".join(
            f"{p.sport} > {p.dport} {p.payload.splitlines()[0]}"
            for leg in self.legs()
            for p in leg
        )


def of_calls(packets):
    """The payloads of those that are of a call, not of a registration."""
    return [p.payload for p in packets if b" REGISTER\r\n" not in p.payload]


def call(seen, caller, callee, name, before):
    """One call, held by each, that the callee ends. before: calls that there were."""
    caller.command("dial", f"sip:{name}@uhep.test")
    seen.wait(6 * before + 2, b"ACK", b"ACK")  # on the way to the probe, and from it
    caller.command("hold")
    seen.wait(6 * before + 4, b"ACK", b"ACK")
    callee.command("hold")
    seen.wait(6 * before + 6, b"ACK", b"ACK")
    callee.command("hangup")
    seen.wait(2 * before + 2, b"SIP/2.0 200", b"BYE")


def run(folder, phone_transport, server_transport, register):
    defines = ["TRACE_ALL"] + ["WITH_PATH"] * (register == "path")
    options = {"server_transport": server_transport, "register": register}
    with (
        listener() as collector,
        kamailio.proxy(folder, collector.port, {}, *defines) as server,
        probe(folder, server, collector.port, **options) as it,
        baresip.phone(folder, "alice", it.sip_port, phone_transport) as alice,
        baresip.phone(folder, "bob", it.sip_port) as bob,
    ):
        seen = Seen(collector, it)
        seen.wait(2, b"SIP/2.0 200", b"REGISTER")
        call(seen, alice, bob, "bob", 0)
        call(seen, bob, alice, "alice", 1)

        def same():
            _, probe, proxy = seen.legs()
            return Counter(of_calls(probe)) == Counter(of_calls(proxy))

        def differ():
            _, probe, proxy = seen.legs()
            a, b = Counter(of_calls(probe)), Counter(of_calls(proxy))
            return f"the same of both: only the probe {a - b}, only Kamailio {b - a}"

        until(same, differ)
        return it, seen.legs()


@pytest.mark.peer("baresip", "kamailio")
@pytest.mark.parametrize(
    "phone, server, register",
    [("udp", "udp", "contact"), ("tcp", "udp", "contact"), ("udp", "tcp", "path")],
)
def test_calls(tmp_path, phone, server, register):
    """baresip registers and calls through the probe; its server leg is what siptrace saw"""
    it, legs = network.isolated(lambda: run(tmp_path, phone, server, register))
    phones, far, _ = legs
    assert len(of_calls(phones)) == len(of_calls(far)) >= 2 * 20
    assert {p.proto for p in far} == {6 if server == "tcp" else 17}
    assert {p.proto for p in phones} == ({6, 17} if phone == "tcp" else {17})
    # The phones see their own Contact and are called by it, the server sees the probe's.
    told = [p.payload for p in phones if p.sport == it.sip_port]
    answers = [m for m in told if b" REGISTER\r\n" in m and b"\r\nContact: " in m]
    assert answers
    invites = [m for m in told if m.startswith(b"INVITE ")]
    assert invites and b"uhep=" not in b"".join([m.split()[1] for m in invites])
    for answer in answers:
        assert b"uhep=" not in answer.split(b"\r\nContact: ")[1].split(b"\r\n")[0]
    registers = [p.payload for p in far if p.payload.startswith(b"REGISTER ")]
    mine = b"\r\nPath: <sip:" if register == "path" else b"@127.0.0.1:%d;" % it.server_port
    assert registers and all(mine in m for m in registers)
