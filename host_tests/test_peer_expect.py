"""The emulated phone, called by sipp, sends what the scenarios of expect/ say."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import sipp
from peers.program import bound
from uhep_tools.expect import Capture, check, load, wait
from uhep_tools.ports import free_port
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import Device
from waiting import until

SCENARIOS = Path(__file__).parent / "expect"
NODE = {"capture_id": 2001, "capture_name": "desk-17"}


@contextmanager
def phone(folder, collector, host="127.0.0.1", **hep):
    """A device that answers one call. Yields it and its SIP port."""
    sip, rtp = free_port(), free_port()
    settings = {"address": host, "sip_port": sip, "rtp_port": rtp, "answer_after_ms": 1}
    settings |= {"quit_after_calls": 1, "quit_after_ms": 30000}
    hep = {"capture_address": f"127.0.0.1:{collector}"} | NODE | hep
    with Device("desk", folder / "desk", device=settings, hep=hep) as device:
        try:
            until(lambda: bound("udp", sip), "the phone to listen")
            yield device, sip
        except Exception as error:
            error.add_note("\n  | ".join(["The phone said:", *device.lines]))
            raise


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("host, family", [("127.0.0.1", 2), ("::1", 10)])
def test_call(tmp_path, host, family):
    """the phone in MicroPython takes a call over IPv4 and IPv6: every packet, field by field"""
    capture = Capture()
    with (
        in_thread(Server(capture, port=0)) as server,
        phone(tmp_path, server.port, host) as (device, port),
    ):
        scenario = load(SCENARIOS / "call-in.yaml", {"family": str(family)})
        made = sipp.call(tmp_path, port, host=host)
        wait(scenario, capture, timeout=20, settle=0.2)
        assert device.wait(20)["capture"]["sent"] == 7
    report = check(scenario, capture)
    assert report.ok, report
    # The messages are those that sipp saw; sipp may log a reply late, so not in this order.
    kept = [(entry.packet.payload, entry.sport == made.port) for entry in capture.packets]
    assert sorted(kept) == sorted((text, sent) for sent, text in made.messages)


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("key, name", [("sesame", "desk-17"), ("foobar", "desk-18")])
def test_call_with_a_key(tmp_path, key, name):
    """the phone in MicroPython puts its key into every packet; another key is told"""
    capture = Capture()
    with in_thread(Server(capture, port=0)) as server:
        hep = {"capture_password": key, "capture_name": name}
        with phone(tmp_path, server.port, **hep) as (_, port):
            given = {"device": f"127.0.0.1:{port}"}
            scenario = load(SCENARIOS / "call-in-key.yaml", given)
            sipp.call(tmp_path, port)
            wait(scenario, capture, timeout=20, settle=0.2)
    report = check(scenario, capture)
    assert report.ok == (key == "sesame"), report
    if key == "foobar":
        wrong = [
            [(d.check.label, d.expected, d.got) for d in o.differences] for o in report.outcomes
        ]
        texts = [("name", '"desk-17"', '"desk-18"'), ("key", '"sesame"', '"foobar"')]
        assert wrong == [texts] * 7
