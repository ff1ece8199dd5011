"""firmware/atapins.py: hooks, ringers and keypads, by a machine module of the test's own."""

from atapins import Pins
from pin_doubles import Board, Pin
from test_ata_parts import SETTINGS, Heard

STATUS, RING1, RING2, REVERSE1, HOOK1, HOOK2 = 2, 12, 13, 14, 15, 16
ROWS, COLUMNS = [20, 21, 22, 23], [30, 31, 32]
BOARD = {
    "leds": {
        "status": {"pin": STATUS, "active": "high"},
        "ring1": {"pin": RING1, "active": "high"},
        "ring2": {"pin": RING2, "active": "low"},
        "reverse1": {"pin": REVERSE1, "active": "high"},
    },
    "buttons": {
        "hook1": {"pin": HOOK1, "active": "low"},  # as of an SLIC: high while lifted
        "hook2": {"pin": HOOK2, "active": "high"},
    },
    "keypads": [{"rows": ROWS, "columns": COLUMNS}],
}


class Registration:
    state = "registered"


class Line:
    def __init__(self):
        self.ua = self
        self.registration = None


class Telephone(Heard):
    def __init__(self, number):
        super().__init__()
        self.number = number
        self.rings = False
        self.state = "on the hook"


class Ata:
    def __init__(self, board, ring_ms2, lifted):
        self.settings = dict(SETTINGS, ring_ms=[1000, 4000], ring_ms2=ring_ms2)
        self.telephones = [Telephone(1), Telephone(2)]
        self.lines = [Line(), Line()]
        self.board = Board(board, {HOOK1: 1, HOOK2: 0} if lifted else {HOOK1: 0, HOOK2: 1})

    def __enter__(self):
        self.board.__enter__()
        self.pins = Pins(self)
        self.board.adopt(self.pins)
        return self

    def __exit__(self, *error):
        self.board.__exit__(*error)

    def be(self, pin, level, ms):
        Pin.all[pin].level = level
        self.board.run(ms)


def ata(board=BOARD, ring_ms2=(), lifted=False):
    return Ata(board, list(ring_ms2), lifted)


def test_the_pins_are_the_boards():
    with ata() as one:
        pins = Pin.all
        numbers = [STATUS, RING1, RING2, REVERSE1, HOOK1, HOOK2] + ROWS + COLUMNS
        assert sorted(pins) == sorted(numbers)
        assert [pins[each].mode for each in ROWS] == [Pin.OPEN_DRAIN] * 4
        assert [pins[each].mode for each in COLUMNS] == [Pin.IN] * 3
        one.board.run(100)
        assert [each.said for each in one.telephones] == [[], []]


def test_each_hook_is_its_telephones():
    with ata() as one:
        first, second = one.telephones
        one.be(HOOK1, 1, 100)
        assert first.said == ["lift"] and second.said == []
        for _ in range(4):
            one.be(HOOK1, 0, 60)
            one.be(HOOK1, 1, 40)
        one.be(HOOK1, 1, 300)
        one.be(HOOK1, 0, 300)
        one.be(HOOK1, 1, 300)
        assert first.said == ["lift", "4", "flash"]
        one.be(HOOK2, 0, 100)
        one.be(HOOK2, 1, 1200)
        assert second.said == ["lift", "lay"]
        one.be(HOOK1, 0, 1200)
        assert first.said == ["lift", "4", "flash", "lay"]


def test_a_telephone_that_is_lifted_when_it_starts():
    with ata(lifted=True) as one:
        assert [each.said for each in one.telephones] == [["lift"], ["lift"]]
        one.be(HOOK2, 1, 1200)
        assert one.telephones[1].said == ["lift", "lay"]


def test_each_ringer_has_its_cadence():
    with ata(ring_ms2=[400, 200, 400, 2000]) as one:
        assert Pin.all[RING1].level == 0 and Pin.all[RING2].level == 1
        one.telephones[0].rings = True
        one.pins.show()
        one.board.run(5000)
        assert one.board.seen(RING1, 10000)[1:3] == [(0, 4000), (1, 1000)]
        assert one.board.seen(RING2, 1000) == [(1, 1000)]
        one.telephones[0].rings = False
        one.telephones[1].rings = True
        one.pins.show()
        one.board.run(3000)
        assert one.board.seen(RING1, 6000) == [(0, 6000)]
        seen = one.board.seen(RING2, 12000)
        at = seen.index((1, 2000))  # active is low
        assert seen[at + 1 : at + 4] == [(0, 400), (1, 200), (0, 400)]
    with ata() as one:  # without one of its own it has the first one's
        one.telephones[1].rings = True
        one.pins.show()
        one.board.run(5000)
        assert one.board.seen(RING2, 10000)[1:3] == [(1, 4000), (0, 1000)]


def test_a_ringing_voltage_of_25_hz():
    with ata() as one:
        one.telephones[0].rings = True
        one.pins.show()
        one.board.run(4500)
        seen = one.board.seen(REVERSE1, 1500)
        assert seen.count((1, 20)) >= 20 and seen.count((0, 20)) >= 20
        one.board.run(1000)
        assert one.board.seen(REVERSE1, 1000) == [(0, 1000)]  # between two rings
        one.telephones[0].rings = False
        one.pins.show()
        one.board.run(50)
        assert one.board.seen(REVERSE1, 6000) == [(0, 6000)]


def test_a_keypad_is_the_first_telephones():
    with ata() as one:
        columns = [Pin.all[each] for each in COLUMNS]
        for row, column, key in ((0, 0, "1"), (3, 1, "0"), (2, 2, "9")):
            one.telephones[0].said.clear()
            for _ in range(100):  # the contact joins column and row
                columns[column].level = Pin.all[ROWS[row]].level
                one.board.run(1)
            columns[column].level = 1
            one.board.run(60)
            assert one.telephones[0].said == [key] and one.telephones[1].said == []


def test_the_status_lamp():
    with ata() as one:
        assert one.board.seen(STATUS, 3000) == [(0, 3000)]
        one.lines[1].registration = Registration()
        Registration.state = "waiting"
        one.pins.show()
        one.board.run(2000)
        assert (1, 50) in one.board.seen(STATUS, 5000)
        one.telephones[1].state = "dialling"
        one.pins.show()
        assert one.board.seen(STATUS, 3000) == [(1, 3000)]
        one.telephones[1].state = "on the hook"
        Registration.state = "registered"
        one.pins.show()
        assert one.board.seen(STATUS, 3000) == [(0, 3000)]


def test_a_board_with_nothing_of_it():
    with ata({"leds": {"status": BOARD["leds"]["status"]}}) as one:
        one.telephones[0].rings = True
        one.pins.show()
        one.board.run(100)
        assert one.telephones[0].said == []
