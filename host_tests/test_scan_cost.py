"""What the scan costs, in bytecodes: by the length of the header, whatever the body."""

import gc
import sys
from array import array

import pytest
from uhep import _plain

LINE = b"X-Some: value\r\n"
HEAD = (
    b"INVITE sip:bob@192.0.2.20 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9;rport\r\nMax-Forwards: 70\r\n"
    b'From: "Alice" <sip:alice@192.0.2.10>;tag=9fxced76sl\r\nTo: <sip:bob@192.0.2.20>\r\n'
)
CALL = b"Call-ID: 3848276298220188511@192.0.2.10\r\nCSeq: 1 INVITE\r\n"
REST = b"Contact: <sip:alice@192.0.2.10:5060>\r\nContent-Length: 0\r\n\r\n"
# In a body, all of this would be taken for a header's.
BODY = b"\r\nCall-ID: x\r\nCSeq: 1 BYE\r\ni: y\r\n"


class Read(bytes):
    """Octets that know how far somebody has looked."""

    furthest = 0

    def __getitem__(self, i):
        self.furthest = max(self.furthest, i)
        return super().__getitem__(i)

    def find(self, what, start=0, end=None):
        found = super().find(what, start, len(self) if end is None else end)
        self.furthest = max(self.furthest, (end if found < 0 else found + len(what)) - 1)
        return found


def counted(function, *args):
    """How many bytecodes a call takes, by CPython's own count."""
    n = 0

    def trace(frame, event, arg):
        nonlocal n
        frame.f_trace_opcodes = True
        n += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()  # a finalizer of something else would be counted too
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(before)
        gc.enable()
    return n


def scan(message):
    """(bytecodes, how far it has looked, the Call-ID)"""
    state = array("i", [0] * 64)

    def one(b):
        state[_plain._IDS] = -1
        assert _plain.scan(b, len(b), state, -2)

    read = Read(message)
    one(read)
    at = state[_plain._FOUND]
    return counted(one, bytes(message)), read.furthest, message[at : at + state[_plain._IDS]]


def test_few():
    n, furthest, found = scan(HEAD + CALL + REST + BODY * 10)
    assert found == b"3848276298220188511@192.0.2.10"
    assert furthest <= len(HEAD + CALL) and n < 2000, n
    print(n, "bytecodes for an INVITE whose Call-ID is the sixth line")


@pytest.mark.parametrize("start", [b"INVITE sip:x SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n"])
def test_the_body_costs_nothing(start):
    for call in (CALL, b""):  # with nothing to find, it looks through all of the header
        header = start + LINE * 20 + call + REST
        costs = {scan(header + BODY * n)[0] for n in (0, 1, 10, 500)}
        assert len(costs) == 1, costs
        n, furthest, found = scan(header + BODY * 500)
        assert furthest < len(header) and found in (b"3848276298220188511@192.0.2.10", b"")


def test_as_the_header_is_long():
    costs = [scan(HEAD + LINE * n + CALL + REST)[0] for n in range(0, 400, 50)]
    steps = [b - a for a, b in zip(costs, costs[1:], strict=False)]
    assert len(set(steps)) == 1 and 0 < steps[0] // 50 < 150, steps
    long = [scan(HEAD + b"X: " + b"y" * n + b"\r\n" + CALL + REST)[0] for n in (10, 1000, 8000)]
    assert len(set(long)) == 1  # one find, in C
    print(steps[0] // 50, "bytecodes for each line before that")


def test_no_octet_is_worth_much():
    """Whatever stands in a header, no octet of it costs more than the dearest."""
    worst = 0
    for octet in range(256):
        for line in (bytes((octet,)), b"i" + bytes((octet,)), b"Call-ID" + bytes((octet,))):
            header = HEAD + (line * 200) + b"\r\n\r\n"
            worst = max(worst, scan(header)[0] / len(header))
    assert worst < 80, worst


def test_a_scan_of_all_octets_is_seen():
    def naive(b):
        for octet in b:
            if octet == 10:
                pass

    few, many = (counted(naive, HEAD + BODY * n) for n in (1, 100))
    assert many > 50 * few // 10
