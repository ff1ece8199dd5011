"""lib/usip: without room, in the heap or for transactions, what goes on in a call goes on."""

from doubles import Pair


def test_a_message_that_the_heap_has_no_room_for_is_read_in_less():
    pair = Pair()
    asked = []
    receive = pair.bob.sock.recvfrom

    def recvfrom(size):
        asked.append(size)
        if size > 2000:
            raise MemoryError
        return receive(size)

    pair.bob.sock.recvfrom = recvfrom
    call = pair.call()
    pair.run(1000)
    assert call.state == "talking" and max(asked) > 2000 > min(asked)


def test_a_message_that_is_cut_for_want_of_room_is_taken_when_it_comes_again():
    pair = Pair()
    receive = pair.bob.sock.recvfrom
    tries = []

    def recvfrom(size):
        if size > 2000 and not tries:
            tries.append(size)
            raise MemoryError
        return receive(size)

    pair.bob.sock.recvfrom = recvfrom
    call = pair.call()
    pair.network._sockets[("192.0.2.2", 5060)].waiting[0:1] = [
        (data[:-2] + b"a=x:" + b"x" * 2000 + b"\r\n", source)
        for data, source in pair.bob.sock.waiting[:1]
    ]
    pair.run(100)
    assert tries and pair.starts() == ["INVITE"] and pair.bob.transport.dropped == 1
    pair.run(1000)
    assert call.state == "talking"


def test_no_room_at_all_is_not_raised():
    pair = Pair()
    asked = []

    def recvfrom(size):
        asked.append(size)
        raise MemoryError

    pair.bob.sock.recvfrom = recvfrom
    pair.call()
    pair.run(50)
    assert asked and not pair.bob.calls and pair.bob.transport.received == 0


def test_a_call_that_is_put_on_hold_again_and_again():
    """Each re-INVITE is kept for 32 s; those that are done make room for what is to come."""
    for holds, other in (("alice", "bob"), ("bob", "alice")):
        pair = Pair()
        call = pair.call()
        pair.run(200)
        mine = call if holds == "alice" else pair.bob.calls[0]
        heard = getattr(pair, other)
        for _ in range(20):
            mine.hold()
            pair.run(100)
            mine.resume()
            pair.run(100)
        assert [value for name, value in heard.events if name == "held"] == [True, False] * 20
        assert len(pair.alice.agent.transactions) <= 16 >= len(pair.bob.agent.transactions)
        getattr(pair, other).agent.calls[0].hang_up()
        pair.run(100)
        assert not pair.alice.agent.calls and not pair.bob.agent.calls
        again = pair.call()  # nor is a new call refused for what is past
        pair.run(100)
        assert again.state == "talking"
        assert pair.alice.agent.transactions.refused == pair.bob.agent.transactions.refused == 0
        assert not [data for _, _, data in pair.network.log if b"SIP/2.0 503" in data]


def test_an_answer_that_waits_for_its_ack_keeps_its_place():
    pair = Pair()
    pair.network.lose = lambda data: data.startswith(b"ACK")
    call = pair.call()
    pair.run(200)
    assert call.state == "talking" and pair.bob.calls[0].state == "answered"
    for _ in range(20):
        pair.alice.agent.send(call.dialog.request("INFO"), call)
        pair.run(20)
    pair.network.lose = lambda data: False
    pair.run(4000)  # the 200 goes out again, and its ACK comes
    assert pair.bob.calls[0].state == "talking"


def test_a_fault_makes_room():
    """Most often the heap is full: what is only kept to know repetitions is let go."""
    pair = Pair()
    for _ in range(3):
        pair.call().hang_up()
        pair.run(500)
    second = pair.call()
    pair.run(500)
    agent = pair.bob.agent
    kept = len(agent.transactions)
    agent.on_fault(MemoryError())
    assert agent.faults == 1 and 0 < len(agent.transactions) < kept
    second.hang_up()
    pair.run(500)
    assert not agent.calls and second.state == "ended"
