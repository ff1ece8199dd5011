"""What the phone's own loop asks of the heap, by micropython.mem_total() on the unix port."""

import os
import re
import subprocess

from conftest import ROOT
from uhep_tools.ports import free_pairs

SCRIPT = """
import sys
import device, doubles, micropython, phone
from heap_asked import Agreed, Clock, asked
from usip import net, rtp
from usip.audio import Echo, Tone

sip, near, far, port = map(int, sys.argv[1:])
clock = Clock()
here, there = net.udp("127.0.0.1", near), net.udp("127.0.0.1", far)
stream = rtp.Stream(here, net.ready(here), Tone(400), clock)

stream.start(net.resolve("127.0.0.1", far), Agreed)

def packet():
    clock.now += 20
    stream.poll()

print("sent", asked(packet, 10))
print("count", stream.sender.sent)

arrived = bytearray(b"\\x80" + bytes(171))
back = net.resolve("127.0.0.1", near)
stream.audio = Echo()

def talk(seq=[0]):
    seq[0] += 1
    arrived[2] = seq[0] >> 8 & 255
    arrived[3] = seq[0] & 255
    there.sendto(arrived, back)
    packet()

talk()
assert stream.latched
there.sendto(arrived, back)
before = micropython.mem_total()
here.recv(512)
print("recv", micropython.mem_total() - before)
print("talk", asked(talk, 10))
print("played", stream.playout.played)
settings = device.validate({"sip_port": sip, "rtp_port": port})
idle = phone.Phone(settings, None, "127.0.0.1")
print("idle", asked(idle.poll, 10))
waiting = doubles.Phone(doubles.Network(), clock, "192.0.2.1").agent
waiting.plan.after(1000000, print)
waiting.call("sip:nobody@192.0.2.2")
print("waiting", asked(waiting.poll, 10))
"""


def test_sending_rtp_and_waiting_ask_for_nothing(micropython, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    path = ":".join(f"{ROOT / part}" for part in ("lib", "firmware", "host_tests/device"))
    done = subprocess.run(
        [micropython, "-X", "heapsize=1M", str(script), *map(str, free_pairs(4))],
        env={**os.environ, "MICROPYPATH": f"{path}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    figures = {words[0]: int(words[1]) for words in lines if len(words) == 2}
    assert figures["sent"] == figures["idle"] == figures["waiting"] == 0, done.stdout
    assert figures["count"] > 1000
    # Sound both ways: what recv() asks for, which has to allocate, and nothing more.
    assert figures["recv"] >= 512 and figures["played"] > 1000
    assert figures["talk"] == 1000 * figures["recv"], done.stdout


NAMES = r"""
import sys
import micropython
from usip import header, parse

micropython.qstr_info()
for at in range(len(sys.argv[1])):
    letter = sys.argv[1][at : at + 1]
    text = "a" + letter + "b"
    lines = ["OPTIONS sip:a@b SIP/2.0", "CSeq: 1 OPTIONS", text + ": 1", "Call-ID: c"]
    lines += ["Via: SIP/2.0/UDP b;branch=" + text, 'From: "%s" <sip:%s@b>;tag=1' % (text, text)]
    lines += ['To: "\\" %s" <sip:%s@b>;tag=%s' % (text, text, text), letter + letter + ": 2", ""]
    read = parse.parse("\r\n".join(lines + [""]).encode())
    assert header.param(read.get("to"), "tag") == text
    assert header.unquote('"%s"' % text) == text
    read.encode()
micropython.qstr_info()
"""


def test_no_letter_of_a_message_becomes_a_name(micropython, tmp_path):
    """MicroPython keeps each letter that a text is asked for by its index, as a name: a phone's
    table of names grew to twice its size by these."""
    letters = "GQRWXYZgjqvxyz1234567"
    script = tmp_path / "script.py"
    script.write_text(NAMES)
    done = subprocess.run(
        [micropython, str(script), letters],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    before, after = map(int, re.findall(r"n_qstr=(\d+)", done.stdout))
    assert after - before < len(letters) // 2, done.stdout
