"""What the phone's own loop asks of the heap, by micropython.mem_total() on the unix port."""

import os
import subprocess

from conftest import ROOT
from uhep_tools.sim import free_udp_ports

SCRIPT = """
import sys
import device, micropython, phone
from usip import g711, net, rtp

class Clock:
    now = 0
    def ticks_ms(self):
        return self.now
    def ticks_add(self, a, b):
        return a + b
    def ticks_diff(self, a, b):
        return a - b

def asked(what):
    def run(times):
        for _ in range(times):
            what()
    run(10)
    before = micropython.mem_total()
    run(1)
    once = micropython.mem_total()
    run(1001)
    return micropython.mem_total() - once - (once - before)

sip, near, far, port = map(int, sys.argv[1:])
clock = Clock()
here, there = net.udp("127.0.0.1", near), net.udp("127.0.0.1", far)
stream = rtp.Stream(here, net.ready(here), g711.tone(400), clock)
stream.start(net.resolve("127.0.0.1", far))

def packet():
    clock.now += 20
    stream.poll()

print("sent", asked(packet))
print("count", stream.sent)

def received():
    there.sendto(b"\\x80" + bytes(171), net.resolve("127.0.0.1", near))
    stream.poll()

print("received", asked(received))
settings = device.validate({"sip_port": sip, "rtp_port": port})
idle = phone.Phone(settings, None, "127.0.0.1")
print("idle", asked(idle.poll))
"""


def test_sending_rtp_and_waiting_ask_for_nothing(micropython, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [micropython, "-X", "heapsize=1M", str(script), *map(str, free_udp_ports(4))],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    figures = {words[0]: int(words[1]) for words in lines if len(words) == 2}
    assert figures["sent"] == 0 and figures["idle"] == 0, done.stdout + done.stderr
    assert figures["count"] > 1000
    # recv() has to allocate; so this shows that the instrument sees what is asked.
    assert figures["received"] >= 1000 * 512
