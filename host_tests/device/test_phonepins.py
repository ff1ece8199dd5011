"""firmware/phonepins.py: the phone's lamps and switches, by a machine module of the test's own."""

from doubles import Clock, Network, Phone
from phonepins import Pins
from pin_doubles import Board, Pin

STATUS, RING, CALL, HOOK = 2, 4, 39, 5
BOARD = {
    "leds": {
        "status": {"pin": STATUS, "active": "low"},
        "ring": {"pin": RING, "active": "high"},
        "pixel": {"pin": 9, "kind": "neopixel"},
    },
    "buttons": {
        "call": {"pin": CALL, "active": "low"},
        "hook": {"pin": HOOK, "active": "high"},
    },
}
LIT, DARK = 0, 1  # of STATUS


class Registration:
    state = "registering"


class Desk:
    """A phone with a line, and Bob. It is its own line: what Pins asks for."""

    def __init__(self, board=BOARD, speed_dials=()):
        self.clock = Clock()
        self.network = Network()
        self.settings = {"speed_dials": list(speed_dials)}
        self.board = Board(board)
        near = Phone(self.network, self.clock, "192.0.2.1")
        near.answers = False
        self.near = near
        self.ua = near.agent
        self.line = self
        self.bob = Phone(self.network, self.clock, "192.0.2.2")
        near.agent._on_state = self.on_state
        self.pins = None

    def __enter__(self):
        self.board.__enter__()
        self.pins = Pins(self)
        self.board.adopt(self.pins)
        return self

    def __exit__(self, *error):
        self.board.__exit__(*error)

    def on_state(self, call):
        self.pins.show()

    # What a Line has.

    def call(self, target):
        return self.ua.call(target)

    def answer(self):
        for call in self.ua.calls:
            if call.state == "ringing" and not call.outgoing:
                call.answer()
                return True
        return False

    def hang_up(self):
        for call in list(self.ua.calls):
            call.hang_up()

    # What a test does.

    def run(self):
        self.board.run()
        for _ in range(20):
            self.near.poll()
            self.bob.poll()
            self.clock.pass_ms(10)

    def state(self):
        return self.ua.calls[0].state if self.ua.calls else None

    def press(self, ms=60):
        Pin.all[CALL].level = 0
        self.board.run(ms)
        Pin.all[CALL].level = 1
        self.board.run(60)
        self.run()

    def lift(self, lies=0):
        Pin.all[HOOK].level = lies
        self.run()


def test_the_pins_are_the_boards():
    with Desk():
        pins = Pin.all
        assert sorted(pins) == [STATUS, RING, HOOK, CALL]
        assert [pins[each].mode for each in (STATUS, RING)] == [Pin.OUT] * 2
        assert (pins[CALL].mode, pins[CALL].pull) == (Pin.IN, Pin.PULL_UP)
        assert (pins[HOOK].mode, pins[HOOK].pull) == (Pin.IN, Pin.PULL_DOWN)
        assert pins[STATUS].level == DARK and pins[RING].level == 0


def test_a_call_that_comes_rings_and_is_taken_by_the_button():
    with Desk() as desk:
        desk.bob.agent.call(desk.near.uri)
        desk.run()
        assert desk.state() == "ringing"
        assert (1, 1000) in desk.board.seen(RING, 11000)
        assert (0, 4000) in desk.board.seen(RING, 11000)
        assert sorted(desk.board.seen(STATUS, 2000)[1:3]) == [(LIT, 200), (DARK, 200)]
        desk.press()
        assert desk.state() == "talking"
        assert desk.board.seen(RING, 6000) == [(0, 6000)]
        assert desk.board.seen(STATUS, 3000) == [(LIT, 3000)]
        desk.press()
        assert desk.state() is None and not desk.bob.agent.calls
        assert desk.board.seen(STATUS, 3000) == [(DARK, 3000)]


def test_the_button_calls_the_first_speed_dial():
    with Desk(speed_dials=["sip:bob@192.0.2.2", "sip:x@192.0.2.9"]) as desk:
        desk.bob.answers = False
        desk.press()
        assert desk.state() == "ringing" and desk.ua.calls[0].outgoing
        assert desk.board.seen(RING, 6000) == [(0, 6000)]  # it rings there, not here
        assert (LIT, 500) in desk.board.seen(STATUS, 3000)
        desk.press()  # gives it up
        assert desk.state() is None
    with Desk() as desk:
        desk.press()
        assert desk.state() is None and not desk.network.log


def test_the_button_calls_while_the_end_of_a_call_is_waited_for():
    with Desk(speed_dials=["sip:bob@192.0.2.2"]) as desk:
        desk.press()
        assert desk.state() == "talking"
        desk.network.lose = lambda data: data.startswith(b"BYE")
        desk.press()
        assert desk.state() == "hanging up"
        desk.press()
        invites = [data for _, _, data in desk.network.log if data.startswith(b"INVITE")]
        assert len(invites) == 2


def test_a_button_that_bounces_is_none():
    with Desk(speed_dials=["sip:bob@192.0.2.2"]) as desk:
        for _ in range(20):
            desk.press(10)
        assert desk.state() is None and not desk.network.log


def test_the_hook_takes_a_call_and_ends_it():
    with Desk() as desk:
        desk.lift(1)
        desk.bob.agent.call(desk.near.uri)
        desk.run()
        desk.lift()
        assert desk.state() == "talking"
        desk.lift(1)
        assert desk.state() is None and not desk.bob.agent.calls
        desk.lift()  # nothing rings: nothing happens
        assert desk.state() is None


def test_a_phone_that_is_not_registered_blinks():
    with Desk() as desk:
        desk.ua.registration = Registration()
        desk.pins.show()
        desk.board.run(2000)
        assert (LIT, 50) in desk.board.seen(STATUS, 5000)
        assert (DARK, 1950) in desk.board.seen(STATUS, 5000)
        Registration.state = "registered"
        desk.pins.show()
        assert desk.board.seen(STATUS, 3000) == [(DARK, 3000)]


def test_a_board_with_less():
    with Desk({"leds": {}, "buttons": {"call": BOARD["buttons"]["call"]}}) as desk:
        desk.bob.agent.call(desk.near.uri)
        desk.run()
        desk.press()
        assert desk.state() == "talking"
    with Desk({"leds": {"ring": BOARD["leds"]["ring"]}}) as desk:
        desk.bob.agent.call(desk.near.uri)
        desk.run()
        assert (1, 1000) in desk.board.seen(RING, 11000)
