"""Kamailio as a collector of what the agent sends: every column, by UDP and by TCP."""

import time
from contextlib import ExitStack
from ipaddress import ip_address

import pytest
from peers import agent, kamailio, messages, relay, stunnel
from peers.postgres import postgres
from uhep_tools.certs import Authority
from uhep_tools.hep import decode
from waiting import until

EVERYTHING = [
    *messages.CALL,
    *messages.CALL_TCP,
    *messages.CALL_V6,
    *messages.AWKWARD,
    *messages.RTCP,
    *messages.LOGS,
]
NODE = f"collector:{agent.CONFIG['capture_id']}"


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))],
)
def stored(request, micropython, tmp_path_factory):
    """(what was captured, the packets, the receiver): captured by the agent and stored."""
    folder = tmp_path_factory.mktemp("kamailio")
    with ExitStack() as stack:
        database = stack.enter_context(postgres()) if request.param == "postgresql" else None
        receiver = stack.enter_context(kamailio.receiver(folder, database))
        tee = stack.enter_context(relay.to_udp(receiver.port))
        agent.send(micropython, folder, f"127.0.0.1:{tee.port}", EVERYTHING)
        for kind, (table, _) in kamailio.TABLES.items():
            receiver.wait_rows(table, sum(each.kind == kind for each in EVERYTHING))
        yield list(zip(EVERYTHING, tee.packets, strict=True)), receiver


def _rows(stored, kind):
    """(capture, packet, row) of each capture of a kind, in the order of capture."""
    captured, receiver = stored
    of_kind = [(each, decode(packet)) for each, packet in captured if each.kind == kind]
    rows = receiver.rows(kamailio.TABLES[kind][0])
    assert len(rows) == len(of_kind)
    return [(each, packet, row) for (each, packet), row in zip(of_kind, rows, strict=True)]


def _assert_envelope(capture, packet, row):
    """The columns that come from HEP: of each kind the same."""
    for end, (host, port) in ("source", capture.source), ("destination", capture.destination):
        assert ip_address(row[f"{end}_ip"]) == ip_address(host)
        assert row[f"{end}_port"] == port
    assert row["family"] == capture.family
    assert row["proto"] == {17: 1, 6: 2}[capture.proto]
    assert row["micro_ts"] == packet.stamp_us
    assert row["node"] == NODE
    assert row["msg"] == capture.payload


@pytest.mark.peer("kamailio")
def test_sip_rows(stored):
    """sipcapture stores SIP: all columns of HEP and of the message, IPv4, IPv6, awkward SIP"""
    for capture, packet, row in _rows(stored, 1):
        _assert_envelope(capture, packet, row)
        assert {name: row[name] for name in capture.says} == capture.says
        assert row["correlation_id"] == capture.says["callid"]
        assert row["type"] == (2 if capture.payload.startswith(b"SIP/2.0") else 1)


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("kind", [5, 100], ids=["rtcp", "log"])
def test_other_rows(stored, kind):
    """sipcapture stores RTCP (5) and logs (100): all columns, IPv4 and IPv6"""
    for capture, packet, row in _rows(stored, kind):
        _assert_envelope(capture, packet, row)
        assert row["correlation_id"] == capture.cid.decode()
        assert row["type"] == kamailio.TABLES[kind][1]


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_live(micropython, tmp_path, host):
    """sipcapture hears the agent itself, over IPv4 and over IPv6: order, time, node"""
    with kamailio.receiver(tmp_path) as receiver:
        began = time.time()
        address = f"[{host}]:{receiver.port}" if ":" in host else f"{host}:{receiver.port}"
        captures = messages.CALL + messages.CALL_V6
        agent.send(micropython, tmp_path, address, captures, capture_id=4294967295)
        rows = receiver.wait_rows("sip_capture", len(captures))

    assert [row["msg"] for row in rows] == [each.payload for each in captures]
    assert {row["node"] for row in rows} == {"collector:4294967295"}
    stamps = [row["micro_ts"] for row in rows]
    assert stamps == sorted(set(stamps))
    assert began - 1 <= stamps[0] / 1e6 <= stamps[-1] / 1e6 <= time.time() + 1


# Where TCP may cut a packet: Kamailio joins what is cut behind the six octets of the header.
WHOLE, IN_CHUNKS, IN_PAYLOAD = (), (6, 7, 12, 40, 93), (300,)


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize(
    "cuts", [WHOLE, IN_CHUNKS, IN_PAYLOAD], ids=["whole", "chunks", "payload"]
)
def test_front_tcp(micropython, tmp_path, cuts):
    """sipcapture's front over TCP, with the key: each chunk as it reads it, then the rows"""
    captures = messages.CALL + messages.CALL_V6 + messages.RTCP + messages.LOGS
    with (
        kamailio.receiver(tmp_path) as receiver,
        kamailio.front(tmp_path, receiver.port) as front,
        relay.to_tcp(front.port, cuts) as line,
    ):
        agent.send(micropython, tmp_path, f"127.0.0.1:{line.port}", captures)
        seen = front.wait_rows("seen", len(captures))
        rows = receiver.wait_rows("sip_capture", len(messages.CALL + messages.CALL_V6))

    packets = [decode(packet) for packet in line.packets]
    for capture, packet, row in zip(captures, packets, seen, strict=True):
        version = 4 if capture.family == 2 else 6
        assert row["good"] == 1 and row["via"] == "tcp"
        assert ip_address(row[f"src{version}"]) == ip_address(capture.source[0])
        assert ip_address(row[f"dst{version}"]) == ip_address(capture.destination[0])
        numbers = ("family", "proto", "sport", "dport", "sec", "usec", "type", "node_id")
        assert {name: int(row[name]) for name in numbers} == {
            name: getattr(packet, name) for name in numbers
        }
        assert bytes.fromhex(row["key"]) == b"sesame"
        assert bytes.fromhex(row["cid"]) == packet.cid
        assert bytes.fromhex(row["payload"]) == capture.payload
    sip = [each.payload for each in captures if each.kind == 1]
    assert [row["msg"] for row in rows] == sip


@pytest.mark.peer("kamailio")
def test_front_own_tcp(micropython, tmp_path):
    """sipcapture's front takes the agent's own TCP, with the key: each chunk, then the rows"""
    with (
        kamailio.receiver(tmp_path) as receiver,
        kamailio.front(tmp_path, receiver.port) as front,
    ):
        check_own(micropython, tmp_path, receiver, front, f"127.0.0.1:{front.port}", "tcp")


@pytest.mark.peer("kamailio", "stunnel")
def test_front_behind_a_tls_terminator(micropython, tmp_path):
    """sipcapture's front behind stunnel takes the agent's own TLS: each chunk, then the rows"""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    files = authority.issue("localhost").write(tmp_path, "stunnel")
    with (
        kamailio.receiver(tmp_path) as receiver,
        kamailio.front(tmp_path, receiver.port) as front,
        stunnel.terminator(tmp_path, front.port, *files) as port,
    ):
        ca = str(tmp_path / "ca.pem")
        check_own(micropython, tmp_path, receiver, front, f"localhost:{port}", "tls", tls_ca=ca)


def check_own(micropython, folder, receiver, front, address, transport, **config):
    """All that the agent sends by a transport of its own stands in both databases."""
    captures = messages.CALL + messages.CALL_V6 + messages.RTCP + messages.LOGS
    config |= {"transport": transport, "profile": "kamailio", "max_packet": 16383, "status_s": 0}
    agent.send(micropython, folder, address, captures, **config)
    seen = front.wait_rows("seen", len(captures))
    rows = receiver.wait_rows("sip_capture", len(messages.CALL + messages.CALL_V6))

    stamps = []
    for capture, row in zip(captures, seen, strict=True):
        version = 4 if capture.family == 2 else 6
        assert row["good"] == 1 and row["via"] == "tcp"
        assert ip_address(row[f"src{version}"]) == ip_address(capture.source[0])
        assert ip_address(row[f"dst{version}"]) == ip_address(capture.destination[0])
        assert (int(row["sport"]), int(row["dport"])) == (
            capture.source[1],
            capture.destination[1],
        )
        assert (int(row["type"]), int(row["node_id"])) == (capture.kind, 2001)
        assert bytes.fromhex(row["key"]) == b"sesame"
        assert bytes.fromhex(row["payload"]) == capture.payload
        stamps.append((int(row["sec"]), int(row["usec"])))
    assert stamps == sorted(set(stamps))
    assert [row["msg"] for row in rows] == [each.payload for each in captures if each.kind == 1]


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("cut", range(1, 6))
def test_front_survives_harmful_cut(micropython, tmp_path, cut):
    """sipcapture's front over TCP, packets cut inside their first six octets: it survives

    Kamailio then reads the packet as SIP at first. It stays whole only if nothing in its chunks
    looks like the empty line that ends a SIP header: 10.10.x.y does. So the agent must write a
    packet in one piece. What comes on a new connection is read well again.
    """
    harmful = messages.call(b"ten-ten@uhep.test", local=("10.10.13.10", 5060))
    with (
        kamailio.receiver(tmp_path) as receiver,
        kamailio.front(tmp_path, receiver.port) as front,
    ):
        with relay.to_tcp(front.port, [cut]) as line:
            agent.send(micropython, tmp_path, f"127.0.0.1:{line.port}", harmful)
        with relay.to_tcp(front.port) as line:
            agent.send(micropython, tmp_path, f"127.0.0.1:{line.port}", messages.CALL)
        wanted = [each.payload for each in messages.CALL]

        def arrived():
            front.program.check()
            return [r for r in receiver.rows("sip_capture") if r["callid"] == "call-4@uhep.test"]

        rows = until(lambda: len(arrived()) >= len(wanted) and arrived(), "the good packets")
        assert [row["msg"] for row in rows] == wanted


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("key", ["wrong", "sesameXYZ", ""])
def test_front_refuses_key(micropython, tmp_path, key):
    """sipcapture's front refuses a wrong key, a longer one, none; the right one passes"""
    with (
        kamailio.receiver(tmp_path) as receiver,
        kamailio.front(tmp_path, receiver.port) as front,
    ):
        address = f"127.0.0.1:{front.port}"
        agent.send(micropython, tmp_path, address, messages.CALL, capture_password=key)
        agent.send(micropython, tmp_path, address, messages.CALL_TCP)
        seen = front.wait_rows("seen", len(messages.CALL + messages.CALL_TCP))
        rows = receiver.wait_rows("sip_capture", len(messages.CALL_TCP))

    assert [row["good"] for row in seen] == [0] * len(messages.CALL) + [1] * len(messages.CALL_TCP)
    assert [row["msg"] for row in rows] == [each.payload for each in messages.CALL_TCP]
