"""The agent's TLS against real certificates, right and wrong ones, on both interpreters."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from faults import Fault, Proxy
from linkmake import CPYTHON, LIB, SCRIPT, Sender, account, serving, stored
from uhep_tools.certs import Authority
from uhep_tools.ports import free_port
from uhep_tools.store import Store
from uhep_tools.tls import fingerprint, server_context
from waiting import until

AUTHORITY = Authority()
OTHER = Authority("somebody else")
NOW = datetime.now(UTC)


@pytest.fixture(params=["micropython", "cpython"])
def interpreter(request):
    return request.getfixturevalue("micropython") if request.param == "micropython" else CPYTHON


@pytest.fixture
def files(tmp_path):
    """Paths: of both authorities, and of a collector's certificate and key."""
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.certificate)
    (tmp_path / "other.pem").write_bytes(OTHER.certificate)
    AUTHORITY.issue("localhost", "127.0.0.1").write(tmp_path, "server")
    return tmp_path


def collector(store, files, stem="server", clients=None, port=0):
    context = server_context(files / f"{stem}.pem", files / f"{stem}-key.pem", clients)
    return serving(store, tls=context, tls_port=port)


def send(interpreter, server, count=50, **config):
    return Sender(
        interpreter,
        count,
        capture_address=f"localhost:{server.tls_port}",
        transport="tls",
        **{key: str(value) for key, value in config.items()},
    )


def arrives(interpreter, store, files, stem="server", clients=None, **config):
    with collector(store, files, stem, clients) as server:
        sender = send(interpreter, server, **config).wait()
        until(lambda: server.counters.accepted == 50)
    assert account(store, sender.stats, 50) == list(range(50))
    assert sender.stats["connects"] == 1 and server.counters.rejected.total() == 0


def is_refused(interpreter, store, files, why, stem="server", **config):
    """Not one packet leaves; they wait, the status says why, and it is tried again later."""
    with collector(store, files, stem) as server:
        sender = send(interpreter, server, count=20, **config)
        refusals = 0
        while refusals < 2:
            line = sender.process.stdout.readline()
            assert line and not line.startswith(("{", "open"))
            if "failed: " in line:
                assert any(reason in line for reason in why), line
                refusals += 1
        sender.process.kill()
        sender.process.communicate()
    assert server.counters.accepted == 0 and stored(store) == []


def test_right_authority(interpreter, store, files):
    arrives(interpreter, store, files, tls_ca=files / "ca.pem")


def test_several_authorities_in_one_file(interpreter, store, files):
    both = files / "both.pem"
    both.write_bytes(OTHER.certificate + AUTHORITY.certificate)
    arrives(interpreter, store, files, tls_ca=both)


def test_another_name(interpreter, store, files):
    AUTHORITY.issue("homer.example").write(files, "homer")
    arrives(interpreter, store, files, "homer", tls_ca=files / "ca.pem", tls_name="homer.example")


def test_right_pin(interpreter, store, files):
    pin = fingerprint(files / "server.pem").upper()
    pin = ":".join(pin[i : i + 2] for i in range(0, 64, 2))
    arrives(interpreter, store, files, tls_pin=pin)


def test_pin_and_authority(interpreter, store, files):
    pin = fingerprint(files / "server.pem")
    arrives(interpreter, store, files, tls_pin=pin, tls_ca=files / "ca.pem")


def test_a_pinned_certificate_may_have_expired(interpreter, store, files):
    AUTHORITY.issue("localhost", end=NOW - timedelta(days=1)).write(files, "old")
    arrives(interpreter, store, files, "old", tls_pin=fingerprint(files / "old.pem"))


def test_unverified_when_told_so(interpreter, store, files):
    arrives(interpreter, store, files, tls_verify="none")


def test_client_certificate(interpreter, store, files):
    AUTHORITY.issue("desk-17", client=True).write(files, "desk")
    arrives(
        interpreter,
        store,
        files,
        clients=files / "ca.pem",
        tls_ca=files / "ca.pem",
        tls_cert=files / "desk.pem",
        tls_key=files / "desk-key.pem",
    )


def test_wrong_authority(interpreter, store, files):
    why = ("not correctly signed", "unable to get local issuer")
    is_refused(interpreter, store, files, why, tls_ca=files / "other.pem")


def test_expired(interpreter, store, files):
    AUTHORITY.issue("localhost", end=NOW - timedelta(days=1)).write(files, "old")
    is_refused(interpreter, store, files, ("expired",), "old", tls_ca=files / "ca.pem")


def test_not_yet_valid(interpreter, store, files):
    AUTHORITY.issue("localhost", start=NOW + timedelta(days=1)).write(files, "new")
    is_refused(interpreter, store, files, ("future", "not yet"), "new", tls_ca=files / "ca.pem")


def test_wrong_name(interpreter, store, files):
    AUTHORITY.issue("homer.example").write(files, "homer")
    why = ("does not match", "Hostname mismatch")
    is_refused(interpreter, store, files, why, "homer", tls_ca=files / "ca.pem")


def test_wrong_pin(interpreter, store, files):
    AUTHORITY.issue("localhost").write(files, "twin")
    pin = fingerprint(files / "twin.pem")
    is_refused(interpreter, store, files, ("not the one of tls_pin",), tls_pin=pin)


def test_wrong_pin_of_a_right_authority(interpreter, store, files):
    AUTHORITY.issue("localhost").write(files, "twin")
    pin = fingerprint(files / "twin.pem")
    why = ("not the one of tls_pin",)
    is_refused(interpreter, store, files, why, tls_pin=pin, tls_ca=files / "ca.pem")


def test_all_of_it_once_the_certificate_is_right(micropython, store, files):
    """What was captured while none was to be trusted has waited."""
    AUTHORITY.issue("localhost", end=NOW - timedelta(days=1)).write(files, "old")
    port = free_port()
    with collector(store, files, "old", port=port) as server:
        sender = send(micropython, server, count=20, tls_ca=files / "ca.pem")
        while "failed: " not in sender.process.stdout.readline():
            assert sender.process.poll() is None
    with collector(store, files, port=port) as server:
        sender.wait()
        until(lambda: server.counters.accepted == 20)
    assert account(store, sender.stats, 20) == list(range(20))
    assert sender.stats["unconfirmed"] == sender.stats["dropped"] == 0


def test_no_client_certificate(interpreter, store, files):
    with collector(store, files, clients=files / "ca.pem") as server:
        sender = send(interpreter, server, count=20, tls_ca=files / "ca.pem")
        while "failed: " not in sender.process.stdout.readline():
            assert sender.process.poll() is None
        sender.process.kill()
        sender.process.communicate()
    assert server.counters.accepted == 0


def test_a_packet_allocates_nothing(micropython, store, files):
    with collector(store, files) as server:
        config = {
            "capture_address": f"localhost:{server.tls_port}",
            "transport": "tls",
            "tls_ca": str(files / "ca.pem"),
            "status_s": 0,
        }
        done = subprocess.run(
            [micropython, str(SCRIPT.parent / "tls_alloc.py")],
            input=json.dumps(config) + "\n",
            env={"MICROPYPATH": f"{LIB}:.frozen"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        found = json.loads(done.stdout)
        assert found == {"net": 0, "asked": 0, "status": "open"}, done.stderr
        until(lambda: server.counters.accepted == 1020)


@pytest.mark.parametrize("after", [0, 1, 300, 3000])
def test_reset(interpreter, store, files, after):
    # The proxy counts octets of TLS records: somewhere in the handshake, and behind it.
    with collector(store, files) as server, Proxy(("127.0.0.1", server.tls_port)) as proxy:
        proxy.then(Fault("reset", after=after))
        sender = Sender(
            interpreter,
            60,
            4,
            last=10,
            capture_address=f"localhost:{proxy.port}",
            transport="tls",
            tls_ca=str(files / "ca.pem"),
        ).wait()
        until(lambda: (numbers := stored(store)) and numbers[-1] == 59)
    account(store, sender.stats, 60)
    assert sender.stats["dropped"] == 0
    assert len(proxy.connections) == 2


@pytest.mark.parametrize("after", [100, 2000])
def test_a_handshake_that_hangs(micropython, store, files, after):
    """In the middle, or behind it: the next connection takes what waits."""
    with collector(store, files) as server, Proxy(("127.0.0.1", server.tls_port)) as proxy:
        proxy.then(Fault("stall", after=after))
        sender = Sender(
            micropython,
            60,
            1,
            last=20,
            capture_address=f"localhost:{proxy.port}",
            transport="tls",
            tls_ca=str(files / "ca.pem"),
            stall_s=2,
            tcp_buffer=65536,
        )
        until(lambda: len(proxy.connections) == 1)
        if after == 2000:  # small writes only fill buffers: nobody would see that it hangs
            until(lambda: len(proxy.connections[0].up) >= after)
            proxy.reset()
        sender.wait()
        until(lambda: (numbers := stored(store)) and numbers[-1] == 59)
    account(store, sender.stats, 60)
    assert sender.stats["dropped"] == 0 and len(proxy.connections) == 2
    assert after == 2000 or sender.stats["unconfirmed"] == 0


@pytest.mark.parametrize("fault", ["authority", "expired", "name", "pin"])
def test_why_one_was_refused_stands_in_the_status_line_of_the_other(
    micropython, store, files, fault
):
    """With a copy to each of two, the second tells why the first gets none."""
    config = {"tls_ca": str(files / "ca.pem")}
    if fault == "authority":
        bad, why = OTHER.issue("localhost"), "not correctly signed"
    elif fault == "expired":
        bad, why = AUTHORITY.issue("localhost", end=NOW - timedelta(days=1)), "expired"
    elif fault == "name":
        bad, why = AUTHORITY.issue("homer.example"), "does not match"
    else:
        config = {"tls_pin": fingerprint(files / "server.pem")}
        bad, why = AUTHORITY.issue("localhost"), "not the one of tls_pin"
    bad.write(files, "bad")
    with Store(files / "bad.db") as other:
        with collector(other, files, "bad") as bad, collector(store, files) as good:
            sender = Sender(
                micropython,
                100,
                20,
                capture_address=[f"localhost:{bad.tls_port}", f"localhost:{good.tls_port}"],
                collectors="copy",
                transport="tls",
                status_s=60,
                **config,
            )
            until(lambda: any(status.word("failure") for _, status in store.statuses()))
            sender.process.kill()
            sender.process.communicate()
        assert bad.counters.accepted == 0
    (found,) = [s for _, s in store.statuses()]
    assert found.why in ("start", "failure") and why in found.word("failure"), found.values
