"""firmware/ata.py as it is on a board: real lines; pins, keypad and I2S ports of doubles."""

import json
import os
import time

import ata
import device
import i2s
import stereo
from pin_doubles import Board, Machine, Pin
from real_sockets import HOST
from test_i2s import Port, Select
from usip import net

FOLDER = __file__.rpartition("/")[0] or "."
PATH = FOLDER + "/../../boards/LILYGO_T_ETH_LITE_S3/board.json"


class Ata:
    """The ATA on that board. To its pins each turn of the loop is a millisecond, whatever else
    the machine does; what goes over sockets takes its time."""

    def __init__(self, **settings):
        with open(PATH) as file:
            self.board = json.load(file)
        self.settings = device.validate(dict(settings, personality="ata"))
        self.hooks = [self.board["buttons"]["hook%d" % n]["pin"] for n in (1, 2)]
        self.rings = [self.board["leds"]["ring%d" % n]["pin"] for n in (1, 2)]
        self.reverses = [self.board["leds"]["reverse%d" % n]["pin"] for n in (1, 2)]
        self.keypad = self.board["keypads"][0]
        self.pins = Board(self.board, {pin: 0 for pin in self.hooks})
        self.pressed = None

    def __enter__(self):
        i2s.select = Select
        Port.made = []
        Machine.I2S = Port
        self.pins.__enter__()
        try:
            self.one = self.made()
            self.pins.adopt(self.one._pins)
        except ValueError:
            self.pins.__exit__()
            raise
        return self

    def made(self):
        first = 21000 + int.from_bytes(os.urandom(1), "big") * 16
        for at in range(first, first + 320, 16):  # whatever ports there are
            self.settings["sip_port"], self.settings["rtp_port"] = at, at + 4
            try:
                return ata.Ata(self.settings, None, HOST)
            except OSError:
                pass
        raise AssertionError("no ports are free")

    def __exit__(self, *error):
        self.pins.__exit__(*error)
        stereo._stereo = None

    def run(self, ms=0, until=None):
        """Turns its loop so many times, or until something has come about."""
        end = time.ticks_add(time.ticks_ms(), 20000)
        while ms or until:
            self.contact()
            assert self.one.poll()
            self.pins.clock.pass_ms(1)
            if until:
                if until():
                    return
                assert time.ticks_diff(end, time.ticks_ms()) > 0, self.states()
                time.sleep_ms(1)
            else:
                ms -= 1

    def states(self):
        return [each.state for each in self.one.telephones]

    def contact(self):
        """A key that is pressed joins its column to its row."""
        for at, column in enumerate(self.keypad["columns"]):
            level = 1
            if self.pressed and self.pressed[1] == at:
                level = Pin.all[self.keypad["rows"][self.pressed[0]]].level
            Pin.all[column].level = level

    def hook(self, number, lifted):
        Pin.all[self.hooks[number - 1]].level = int(lifted)

    def key(self, key):
        at = "123456789*0#".find(key)
        self.pressed = (at // 3, at % 3)
        self.run(80)
        self.pressed = None
        self.run(80)

    def state(self, number):
        return self.one.telephones[number - 1].state


def test_a_call_from_one_telephone_to_the_other():
    with Ata() as one:
        assert len(Port.made) == 2 and Port.made[0].settings["format"] == Port.STEREO
        one.run(50)
        assert one.state(1) == one.state(2) == "on the hook"
        one.hook(1, True)
        one.run(until=lambda: one.state(1) == "dialling")
        for key in "**2":
            one.key(key)
        one.run(until=lambda: Pin.all[one.rings[1]].level == 1)
        seen = set()
        one.run(until=lambda: seen.add(Pin.all[one.reverses[1]].level) or len(seen) == 2)
        assert Pin.all[one.rings[0]].level == 0
        one.hook(2, True)
        one.run(until=lambda: one.state(1) == one.state(2) == "talking")
        assert Pin.all[one.rings[1]].level == 0
        # What the left microphone hears comes out of the right speaker, and the other way round.
        microphone, speaker = Port.made
        heard = len(speaker.played)

        def sounds():
            microphone.pass_buffer()
            speaker.pass_buffer()
            return any(speaker.played[heard:])

        one.run(until=sounds)
        one.hook(1, False)
        one.run(until=lambda: one.state(1) == "on the hook" and one.state(2) == "over")
        one.hook(2, False)
        one.run(until=lambda: one.state(2) == "on the hook")
        assert not one.one.busy()


def test_a_board_has_ten_sockets():
    for settings, fits in (
        ({}, True),
        ({"sip_transport": "tcp"}, False),
        ({"sip_transport": "tcp", "calls": 1}, False),
        ({"sip_transport": "tcp", "calls": 1, "rtcp": False}, True),
        ({"sip_proxy": "sip:192.0.2.9;transport=tcp"}, False),
    ):
        opened = []
        udp, listen = net.udp, net.listen
        net.udp = lambda *where: opened.append(udp(*where)) or opened[-1]
        net.listen = lambda *where: opened.append(listen(*where)) or opened[-1]
        try:
            with Ata(**settings):
                connections = 2 if "sip_transport" in settings else 0
                assert fits and len(opened) + connections + 1 <= 10  # and one that captures
        except ValueError as error:
            assert not fits and "calls must be 1 and rtcp false" in str(error)
        finally:
            net.udp, net.listen = udp, listen
            for each in opened:
                each.close()


def test_a_number_by_pulses():
    with Ata(internal=["1", "2"], dial_plan="9x") as one:
        one.hook(1, True)
        one.run(until=lambda: one.state(1) == "dialling")
        for _ in range(2):
            one.hook(1, False)
            one.run(60)
            one.hook(1, True)
            one.run(40)
        one.run(until=lambda: one.one.telephones[1].rings)
        assert one.one.telephones[0].digits == "2" and one.state(1) == "calling"
        one.hook(1, False)
        one.run(until=lambda: not one.one.telephones[1].rings)
        one.run(until=lambda: not one.one.busy())
