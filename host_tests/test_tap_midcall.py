"""Taps that come and go during running calls, several at once: nothing is lost or doubled."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from peers import sipp
from peers.program import bound
from uhep_tools.ports import free_port
from waiting import until

CALLS = 10
SCRIPT = ROOT / "host_tests" / "device" / "tap_midcall.py"
PATHS = [ROOT / "lib", ROOT / "host_tests" / "shim"]


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("interpreter", ["micropython", "cpython"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls(tmp_path, micropython, transport, interpreter):
    """sipp calls a stack whose taps come and go at any octet: each captured what it should"""
    port = free_port()
    if interpreter == "micropython":
        command = [micropython, "-X", "heapsize=16M"]
        env = {"MICROPYPATH": f"{ROOT / 'lib'}:.frozen"}
    else:
        command = [sys.executable]
        env = {"PYTHONPATH": ":".join(map(str, PATHS))}
    process = subprocess.Popen(
        [*command, SCRIPT, transport, str(port), "1", str(CALLS)],
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until(lambda: bound(transport, port) or process.poll() is not None, "the stack")
        logged = sipp.call(tmp_path, port, transport, count=CALLS).messages
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    found = json.loads(output)
    received, sent = found["log"]
    # The stack has seen what sipp has, whatever stood before its socket.
    assert received == [message.hex() for by_sipp, message in logged if by_sipp]
    assert sent == [message.hex() for by_sipp, message in logged if not by_sipp]
    # So has the tap that was there from the first octet to the last.
    assert found["always"] == [received, sent]
    # And each other tap what passed while it was there.
    assert len(found["taps"]) > 20
    for got, want in found["taps"]:
        assert got == want
    messages = received + sent
    pieces = [m for got, _ in found["taps"] for way in got for m in way]
    assert sum(m in messages for m in pieces) > len(messages)
    if transport == "tcp":  # some were taken away in the middle of a message
        cut = [m for m in pieces if m not in messages]
        assert cut and all(any(m.startswith(piece) for m in messages) for piece in cut)
