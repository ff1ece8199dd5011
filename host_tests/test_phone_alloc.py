"""What the phone's own loop asks of the heap, by micropython.mem_total() on the unix port."""

import os
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
