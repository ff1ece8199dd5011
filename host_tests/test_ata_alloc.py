"""What the ATA's own loop asks of the heap, by micropython.mem_total() on the unix port."""

import os
import subprocess

from conftest import ROOT
from uhep_tools.ports import free_block

SCRIPT = """
import sys
import ata, device, micropython, signals
from handset import Handset
from heap_asked import Agreed, Clock, asked
from hook import Hook
from keypad import Keypad
from usip import net, rtp
from usip.audio import Echo
from usip.tones import sine

sip, near, far, port = [int(each) for each in sys.argv[1:]]
settings = device.validate({"personality": "ata", "sip_port": sip, "rtp_port": port})
one = ata.Ata(settings, None, "127.0.0.1")
print("idle", asked(one.poll, 50))
one.telephones[0].lift()
one.telephones[1].lift()
print("dialling", asked(one.poll, 50))

# Sound both ways, with a tone over it.
clock = Clock()
here, there = net.udp("127.0.0.1", near), net.udp("127.0.0.1", far)
stream = rtp.Stream(here, net.ready(here), Echo(), clock)
ear = Handset(Echo(), [stream], signals.table("e180"), sine(6000), clock)
ear.lift()
ear.attach(stream)

stream.start(net.resolve("127.0.0.1", far), Agreed)
arrived = bytearray(b"\\x80" + bytes(171))
back = net.resolve("127.0.0.1", near)

def talk(seq=[0]):
    seq[0] += 1
    arrived[2] = seq[0] >> 8 & 255
    arrived[3] = seq[0] & 255
    there.sendto(arrived, back)
    clock.now += 20
    stream.poll()
    ear.poll()

talk()
assert stream.latched
there.sendto(arrived, back)
before = micropython.mem_total()
here.recv(512)
print("recv", micropython.mem_total() - before)
print("talk", asked(talk, 50))
ear.signal("waiting")
print("waiting", asked(talk, 50))
print("played", stream.playout.played)

# A hook and a keypad that nobody touches, and one key that is held.
hook = Hook(None, settings, clock)
hook._lies = hook._laid = False
pressed = [1]
pad = Keypad([lambda level: None] * 4, [lambda: 1, lambda: pressed[0]], lambda key: None, clock)
def pins():
    clock.now += 1
    hook.poll()
    pad.poll()
print("pins", asked(pins, 50))
pressed[0] = 0
print("held", asked(pins, 50))

# Two telephones at a microphone and a speaker.
class Port:
    RX = TX = MONO = STEREO = 1
    def __init__(self, port, **settings):
        pass
    def readinto(self, buf):
        return len(buf)
    def write(self, buf):
        return len(buf)

class Machine:
    I2S = Port
    def Pin(number):
        return number

class Poll:
    def register(self, port, event):
        pass
    def unregister(self, port):
        pass
    def poll(self, ms):
        pass

class Select:
    POLLIN = POLLOUT = 1
    poll = Poll

import i2s, stereo
i2s.select = Select
ends = {"id": 0, "sck": 1, "ws": 2, "sd": 3}
sides = stereo.Stereo(Machine, {"microphone": ends, "speaker": ends}).sides
def sound():
    for side in sides:
        side.poll()
        side.play(side.frame())
print("stereo", asked(sound, 50))
"""


def test_waiting_tones_and_sound_ask_for_nothing(micropython, tmp_path):
    """Beside recv(), which has to: see test_phone_alloc.py."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ports = [str(free_block(size)) for size in (2, 2, 2, 8)]
    path = ":".join(f"{ROOT / part}" for part in ("lib", "firmware", "host_tests/device"))
    done = subprocess.run(
        [micropython, "-X", "heapsize=1M", str(script), *ports],
        env={**os.environ, "MICROPYPATH": f"{path}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    figures = {words[0]: int(words[1]) for words in lines if len(words) == 2}
    for what in ("idle", "dialling", "pins", "held", "stereo"):
        assert figures[what] == 0, done.stdout
    assert figures["recv"] >= 512 and figures["played"] > 1000
    assert figures["talk"] == figures["waiting"] == 1000 * figures["recv"], done.stdout
