"""lib/usip: a heap without a hole for a whole datagram does not stop what arrives."""

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


def test_no_room_at_all_is_not_raised():
    pair = Pair()

    def recvfrom(size):
        raise MemoryError

    pair.bob.sock.recvfrom = recvfrom
    pair.call()
    pair.run(1000)
    assert not pair.bob.calls and pair.bob.transport.received == 0
