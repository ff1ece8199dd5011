"""firmware/telephone.py: two telephones of an ATA and others, over the whole of usip."""

import signals
from dialplan import DialPlan
from doubles import Clock, Network, Phone, start
from handset import Handset
from telephone import CALLING, DIALLING, ON_HOOK, OVER, TALKING, Telephone
from usip.audio import Audio
from usip.plan import Plan
from usip.tones import sine

SETTINGS = {
    "dial_ms": 15000,
    "digit_long_ms": 10000,
    "digit_short_ms": 3000,
    "howler_after_ms": 30000,
}


class Channel:
    def __init__(self, media):
        self.media = media
        self.stream = media.stream


class Line(Phone):
    """A line with so many calls that tells a telephone of them."""

    def __init__(self, network, clock, host, calls):
        super().__init__(network, clock, host, calls)
        self.answers = False
        self.ua = self.agent
        self.channels = [Channel(media) for media in self.agent._lines]
        self.sent = []

    def channel(self, call):
        for each in self.channels:
            if each.media is call.media:
                return each
        return None

    def send_digits(self, digits, call):
        if call.state != "talking":
            raise RuntimeError("there is no call")
        self.sent.append((digits, call))


class World:
    """An ATA with two telephones, and Bob, Carol and Dave. What is dialled is the last number of
    an address: 3 for Bob. 7 refuses with 486, 8 is nobody, 9 no URI."""

    def __init__(self, calls=2, plan="[1-9]|*xx|0x.", **settings):
        self.settings = dict(SETTINGS, **settings)
        self.clock = Clock()
        self.network = Network()
        self.plan = Plan(self.clock)
        self.said = []
        self.shown = 0
        self.telephones = []
        table, tones = sine(6000), signals.table("e180")
        for number in (1, 2):
            line = Line(self.network, self.clock, "192.0.2.%d" % number, calls)
            streams = [each.stream for each in line.channels]
            handset = Handset(Audio(), streams, tones, table, self.clock)
            telephone = Telephone(number, line, handset, DialPlan(plan), self)
            line._on_state = self.listener(telephone)
            line.agent._on_state = line._on_state
            self.telephones.append(telephone)
        self.one, self.two = self.telephones
        self.bob, self.carol, self.dave = [
            Phone(self.network, self.clock, "192.0.2.%d" % n) for n in (3, 4, 5)
        ]
        self.busy = Phone(self.network, self.clock, "192.0.2.7", 0)  # no line at all

    def listener(self, telephone):
        return lambda call: telephone.on_state(call)

    def say(self, text):
        self.said.append(text)

    def show(self):
        self.shown += 1

    def call(self, telephone, number):
        if number == "9":
            raise ValueError("9 can not be called")
        telephone.line.ua.call("sip:x@192.0.2.%s" % number)

    def run(self, ms=200):
        """Lets all work for a time; a long one in larger steps."""
        step = 10 if ms < 2000 else 50
        others = [self.bob, self.carol, self.dave, self.busy]
        for _ in range(ms // step):
            self.plan.poll()
            for each in self.telephones:
                each.poll()
                each.line.poll()
            for each in others:
                each.poll()
            self.clock.pass_ms(step)

    def dial(self, telephone, digits):
        for digit in digits:
            telephone.digit(digit)

    def talk(self, telephone=None, number="3"):
        """The telephone calls, and talks."""
        telephone = telephone or self.one
        telephone.lift()
        self.dial(telephone, number)
        self.run()
        assert telephone.state == TALKING and telephone.call.state == "talking"
        return telephone.call

    def comes(self, caller, number=1):
        """A call comes in for a telephone."""
        call = caller.agent.call("sip:x@192.0.2.%d" % number)
        self.run()
        return call

    def over(self):
        """Nothing is left, anywhere."""
        for each in self.telephones:
            each.lay()
        for each in (self.bob, self.carol, self.dave):
            for call in list(each.agent.calls):
                call.hang_up()
        self.run(500)
        for each in self.telephones:
            assert each.state == ON_HOOK and not each.rings and not each.held and not each.call
            assert not each.line.agent.calls and each.handset.tone == ""
            for channel in each.line.channels:
                assert channel.stream.audio is not each.handset

    def has_sound(self, telephone, call):
        """Whether the handset's sound is that of this call, and of no other."""
        channels = telephone.line.channels
        found = [each for each in channels if each.stream.audio is telephone.handset]
        return found == [telephone.line.channel(call)]


def held(phone):
    """Whether a peer's only call is on hold."""
    return [call.held for call in phone.agent.calls]


def test_a_call_out():
    world = World()
    one = world.one
    world.bob.answers = False
    one.lift()
    assert one.state == DIALLING and one.handset.tone == "dial"
    one.digit("3")
    assert one.state == CALLING and one.handset.tone == ""
    world.run()
    assert one.handset.tone == "ringback"
    world.bob.answers = True
    world.run()
    assert one.state == TALKING and one.handset.tone == "" and world.has_sound(one, one.call)
    one.digit("5")
    one.digit("#")
    assert one.line.sent == [("5", one.call), ("#", one.call)]
    one.lay()
    world.run()
    assert one.state == ON_HOOK and not world.bob.agent.calls
    assert [line for line in world.said if line.startswith("telephone 1")] == [
        "telephone 1: dialling",
        "telephone 1: calling",
        "telephone 1: talking",
        "telephone 1: on the hook",
    ]
    world.over()


def test_a_call_in():
    world = World()
    world.comes(world.bob)
    assert world.one.rings and not world.two.rings
    world.one.lift()
    assert world.one.state == TALKING and not world.one.rings
    world.run()
    assert world.bob.agent.calls[0].state == "talking"
    assert world.has_sound(world.one, world.one.call)
    world.bob.agent.calls[0].hang_up()
    world.run()
    assert world.one.state == OVER and world.one.handset.tone == "busy"
    world.one.lay()
    world.comes(world.bob)
    assert world.one.rings
    world.bob.agent.calls[0].hang_up()
    world.run()
    assert not world.one.rings
    world.one.lift()
    assert world.one.state == DIALLING
    world.over()


def test_the_two_call_each_other():
    world = World()
    world.one.lift()
    world.one.digit("2")
    world.run()
    assert world.two.rings and world.one.handset.tone == "ringback"
    world.two.lift()
    world.run()
    assert world.one.state == world.two.state == TALKING
    world.two.lay()
    world.run()
    assert world.one.state == OVER and world.one.handset.tone == "busy"
    world.over()


def test_the_time_outs_of_a_plan():
    world = World()
    one = world.one
    one.lift()
    world.dial(one, "04")
    world.run(2900)
    assert one.state == DIALLING and one.handset.tone == ""
    one.digit("5")  # the time begins anew
    world.run(2900)
    assert one.state == DIALLING
    world.run(200)
    assert one.state == CALLING
    one.lay()
    world.run()
    one.lift()
    world.dial(one, "*6")  # not whole: after the long one it is none
    world.run(9900)
    assert one.state == DIALLING
    world.run(200)
    assert one.state == OVER and one.handset.tone == "congestion"
    assert world.said[-2] == "telephone 1: dialled *6 and no more"
    one.lay()
    one.lift()
    world.dial(one, "#")  # no number begins like this
    assert one.state == OVER and one.handset.tone == "congestion"
    assert "telephone 1: no number begins with #" in world.said
    world.dial(one, "3")  # too late
    assert one.state == OVER
    world.run(33000)  # the call to nobody has ended
    world.over()


def test_a_handset_that_is_left_lifted():
    world = World()
    one = world.one
    one.lift()
    world.run(14900)
    assert one.handset.tone == "dial"
    world.run(200)
    assert one.handset.tone == "congestion"
    world.run(29900)
    assert one.handset.tone == "congestion"
    world.run(200)
    assert one.handset.tone == "howler"
    world.run(60100)
    assert one.handset.tone == "" and one.state == OVER
    world.over()
    world = World(howler_after_ms=0)
    world.one.lift()
    world.run(100000)
    assert world.one.handset.tone == "congestion"


def test_what_becomes_of_a_call_is_heard():
    for number, tone in (("7", "busy"), ("9", "congestion"), ("1", "busy")):
        world = World()
        world.one.lift()
        world.one.digit(number)
        world.run()
        assert world.one.state == OVER and world.one.handset.tone == tone, number
        world.over()
    world = World()
    world.one.lift()
    world.one.digit("8")  # nobody is there
    world.run(33000)
    assert world.one.state == OVER and world.one.handset.tone == "congestion"
    world.over()


def test_a_telephone_in_use_is_busy():
    world = World()
    world.one.lift()
    call = world.comes(world.bob)
    assert call.status == 486 and not world.one.rings
    world.one.lay()
    assert world.comes(world.bob).state == "ringing"  # and then it is not
    world.over()


def test_both_lines_busy():
    for calls in (1, 2):
        world = World(calls)
        world.one.lift()
        world.one.digit("2")
        world.run()
        world.two.lift()
        world.run()
        assert world.one.state == world.two.state == TALKING
        for number, caller in ((1, world.bob), (2, world.carol)):
            if calls == 2:  # one that waits
                assert world.comes(caller, number).state == "ringing"
            assert world.comes(world.dave, number).status == 486
        world.over()


def test_without_a_second_call():
    world = World(calls=1)
    call = world.talk()
    assert world.comes(world.carol).status == 486
    world.one.flash()
    world.run()
    assert world.one.call is call and world.one.state == TALKING and held(world.bob) == [False]
    world.over()


def test_a_call_that_waits():
    world = World()
    first = world.talk()
    world.comes(world.carol)
    assert world.one.handset.tone == "waiting" and not world.one.rings
    assert world.comes(world.dave).status == 486  # there is room for two
    world.one.flash()
    world.run()
    second = world.one.call
    assert second is not first and second.state == "talking" and world.one.handset.tone == ""
    assert held(world.bob) == [True] and held(world.carol) == [False]
    assert world.has_sound(world.one, second) and world.one.held is first
    world.one.flash()  # and back
    world.run()
    assert held(world.bob) == [False] and held(world.carol) == [True]
    assert world.one.call is first and world.has_sound(world.one, first)
    world.one.flash()
    world.run()
    assert held(world.bob) == [True] and held(world.carol) == [False]
    world.over()


def test_a_call_that_waits_gives_up():
    world = World()
    world.talk()
    world.comes(world.carol)
    world.carol.agent.calls[0].hang_up()
    world.run()
    assert world.one.handset.tone == "" and world.one.state == TALKING
    world.over()


def test_hanging_up_while_one_waits():
    world = World()
    world.talk()
    world.comes(world.carol)
    world.one.lay()
    world.run()
    assert not world.bob.agent.calls and world.one.rings
    world.one.lift()
    world.run()
    assert held(world.carol) == [False] and world.carol.agent.calls[0].state == "talking"
    world.over()


def test_hold_and_resume():
    world = World()
    call = world.talk()
    world.one.flash()
    assert world.one.state == DIALLING and world.one.handset.tone == "dial"
    world.run()
    assert held(world.bob) == [True]
    world.one.flash()
    world.run()
    assert world.one.state == TALKING and world.one.call is call and held(world.bob) == [False]
    assert world.has_sound(world.one, call)
    world.over()


def test_a_second_call():
    world = World()
    first = world.talk()
    world.one.flash()
    world.run()
    world.one.digit("4")
    world.run()
    assert world.one.state == TALKING and held(world.bob) == [True]
    assert held(world.carol) == [False]
    world.one.flash()
    world.run()
    assert held(world.bob) == [False] and held(world.carol) == [True]
    assert world.one.call is first
    world.bob.agent.calls[0].hang_up()
    world.run()
    assert world.one.state == OVER and world.one.handset.tone == "busy"
    world.one.flash()  # to the one that is left
    world.run()
    assert world.one.state == TALKING and held(world.carol) == [False]
    world.over()


def test_a_flash_gives_up_what_does_not_stand_yet():
    world = World()
    call = world.talk()
    world.one.flash()
    world.run()
    world.carol.answers = False
    world.one.digit("4")
    world.run()
    assert world.one.state == CALLING
    world.one.flash()
    world.run()
    assert world.one.call is call and held(world.bob) == [False] and not world.carol.agent.calls
    world.one.flash()
    world.run()
    world.one.digit("7")  # busy
    world.run()
    assert world.one.handset.tone == "busy"
    world.one.flash()
    world.run()
    assert world.one.call is call and held(world.bob) == [False]
    world.over()


def test_a_flash_with_nothing_held_dials_anew():
    world = World()
    world.bob.answers = False
    world.one.lift()
    world.one.digit("3")
    world.run()
    world.one.flash()
    world.run()
    assert world.one.state == DIALLING and world.one.handset.tone == "dial"
    assert not world.bob.agent.calls
    world.dial(world.one, "4")
    world.run()
    assert world.one.state == TALKING
    world.over()


def test_hanging_up_with_a_call_on_hold_rings():
    world = World()
    call = world.talk()
    world.one.flash()
    world.run()
    world.one.lay()
    world.run()
    assert world.one.rings and held(world.bob) == [True]
    world.one.lift()
    world.run()
    assert world.one.call is call and held(world.bob) == [False] and not world.one.rings
    world.one.flash()
    world.one.lay()
    world.run()
    assert world.one.rings
    world.bob.agent.calls[0].hang_up()
    world.run()
    assert not world.one.rings
    world.over()


def test_the_one_on_hold_hangs_up():
    world = World()
    world.talk()
    world.one.flash()
    world.run()
    world.one.digit("4")
    world.run()
    world.bob.agent.calls[0].hang_up()
    world.run()
    assert world.one.state == TALKING and world.one.held is None
    world.one.flash()  # there is none to go to: holds this one
    world.run()
    assert world.one.state == DIALLING and held(world.carol) == [True]
    world.over()


def test_the_peer_transfers_us():
    """A REFER of the one that is talked to: the handset's sound goes with it."""
    world = World()
    world.talk()
    world.bob.agent.calls[0].transfer("sip:x@192.0.2.4")
    world.run(500)
    assert world.one.state == TALKING and not world.bob.agent.calls
    assert world.one.call.peer == "sip:x@192.0.2.4" and world.has_sound(world.one, world.one.call)
    world.over()


def test_nothing_comes_of_a_transfer():
    world = World()
    call = world.talk()
    world.bob.agent.calls[0].transfer("sip:x@192.0.2.7")
    world.run(500)
    assert world.one.state == TALKING and world.one.call is call
    assert world.bob.agent.calls[0].state == "talking"
    world.over()


def test_a_transfer_that_the_transferred_gives_up():
    """Laid down, both calls are over, and none is left that nobody can talk on; by a flash it is
    as before."""
    for gives_up in ("lay", "flash"):
        world = World()
        call = world.talk()
        world.carol.answers = False
        world.bob.agent.calls[0].transfer("sip:x@192.0.2.4")
        world.run(500)
        assert world.one.state == CALLING and world.one.call.peer == "sip:x@192.0.2.4"
        getattr(world.one, gives_up)()
        world.run(500)
        assert not world.carol.agent.calls
        if gives_up == "lay":
            assert not world.one.line.agent.calls and not world.bob.agent.calls
        else:
            assert world.one.state == TALKING and world.one.call is call
            assert world.has_sound(world.one, call)
        world.over()


def test_the_one_on_hold_transfers_us():
    world = World()
    world.talk()
    world.one.flash()
    world.run()
    world.one.digit("4")
    world.run()
    second = world.one.call
    world.bob.agent.calls[0].transfer("sip:x@192.0.2.5")
    world.run(500)
    assert world.one.state == TALKING and world.one.call is second
    assert world.has_sound(world.one, second)
    assert world.one.held.peer == "sip:x@192.0.2.5"
    world.over()


def test_the_one_on_hold_transfers_us_and_it_is_taken_while_it_rings():
    for comes_to_nothing in (False, True):
        world = World()
        call = world.talk()
        world.dave.answers = False
        world.one.flash()
        world.run()
        world.bob.agent.calls[0].transfer("sip:x@192.0.2.5")
        world.run(500)
        world.one.lay()
        assert world.one.rings
        world.one.lift()
        world.run()
        placed = world.one.call
        assert world.one.state == CALLING and placed.peer == "sip:x@192.0.2.5"
        assert world.one.handset.tone == "ringback" and not world.one.held
        if comes_to_nothing:
            world.dave.agent.calls[0].hang_up()
        else:
            world.dave.agent.calls[0].answer()
        world.run(500)
        assert world.one.state == TALKING and world.one.handset.tone == ""
        assert world.one.call is (call if comes_to_nothing else placed)
        assert not world.one.call.holding and held(world.bob) in ([], [False])
        assert world.has_sound(world.one, world.one.call)
        world.over()


def test_what_crosses_is_hold_and_not_silence():
    """The flash is a re-INVITE each: nobody just stops sending."""
    world = World()
    world.talk()
    world.network.log.clear()
    world.one.flash()
    world.run()
    offers = [data for _, _, data in world.network.log if start(data) == "INVITE"]
    assert len(offers) == 1 and b"a=sendonly" in offers[0]
    world.network.log.clear()
    world.one.flash()
    world.run()
    offers = [data for _, _, data in world.network.log if start(data) == "INVITE"]
    assert len(offers) == 1 and b"a=sendrecv" in offers[0]
    world.over()


def test_laid_down_before_the_ack():
    """Lifted and laid down in one moment: the call ends, and it does not ring again."""
    world = World()
    world.comes(world.bob)
    world.said.clear()
    world.one.lift()
    world.one.lay()
    world.run()
    assert not world.bob.agent.calls and not world.one.rings
    assert "telephone 1 rings" not in world.said
    world.over()
