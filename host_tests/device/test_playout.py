"""lib/usip: the jitter buffer."""

import struct

from doubles import raises
from usip.playout import Playout


def packet(seq, octets=160):
    return struct.pack(">BBHII", 0x80, 0, seq, seq * 160, 1) + bytes([seq % 100]) * octets


def sample(seq):
    code = seq % 100 ^ 0xFF
    value = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return -value if code & 0x80 else value


def play(buffer):
    """The first sample of the next frame, None if it is silence."""
    return struct.unpack_from("<h", buffer.pcm)[0] if buffer.frame(0) else None


def run(buffer, *seqs):
    """Puts a packet and plays a frame, for each; what was played."""
    played = []
    for seq in seqs:
        for one in seq if isinstance(seq, tuple) else (seq,):
            buffer.put(packet(one), one)
        played.append(play(buffer))
    return played


def test_it_fills_before_it_plays():
    buffer = Playout(3, 3)
    assert run(buffer, 1, 2, 3, 4) == [None, None, sample(1), sample(2)]
    assert buffer.played == 2


def test_order_is_restored_and_what_comes_twice_is_dropped():
    buffer = Playout(3, 3)
    played = run(buffer, 2, 1, 3, 5, 4, 4, 6, 7, 8)
    assert played[2:] == [sample(at) for at in range(1, 8)][: len(played) - 2]
    assert buffer.duplicates == 1 and buffer.late == 0


def test_numbers_wrap():
    buffer = Playout(2, 2)
    played = run(buffer, 65534, 65535, 0, 1, 2)
    assert played == [None] + [sample(at) for at in (65534, 65535, 0, 1)]


def test_what_is_missing_is_repeated_and_fades():
    buffer = Playout(2, 2)
    played = run(buffer, 1, 2, 3, 5, 6, 7)
    first = sample(3)
    assert played == [None, sample(1), sample(2), first, int(first / 2), sample(5)]
    assert buffer.concealed == 1
    for _ in range(2):
        play(buffer)
    faded = [play(buffer) for _ in range(8)]
    assert faded[-2:] == [None, None] and faded[0] is not None
    assert [abs(v) for v in faded if v is not None] == sorted(
        (abs(v) for v in faded if v is not None), reverse=True
    )


def test_late_is_late_in_a_fixed_buffer():
    buffer = Playout(1, 1)
    run(buffer, 1, 2, 3)
    assert play(buffer) is not None  # 4 has not come: concealed
    assert not buffer.put(packet(4), 4)
    assert buffer.late == 1 and buffer.depth == 1
    assert run(buffer, 5) == [sample(5)]


def test_an_adaptive_buffer_waits_and_stays_behind():
    buffer = Playout(1, 4)
    run(buffer, 1, 2, 3)
    play(buffer)
    assert buffer.concealed == 1 and buffer.depth == 2
    assert run(buffer, (4, 5), 6) == [sample(4), sample(5)]
    assert buffer.late == 0


def test_an_adaptive_buffer_does_not_conceal_twice_what_is_lost():
    buffer = Playout(1, 4)
    run(buffer, 1, 2)
    assert play(buffer) is not None  # 3 is lost
    assert run(buffer, 4, 5) == [sample(4), sample(5)]
    assert buffer.concealed == 1


def test_an_adaptive_buffer_comes_back():
    buffer = Playout(1, 6)
    run(buffer, 1, 2)
    for _ in range(3):
        play(buffer)
    assert buffer.depth == 4
    seq = 3
    for _ in range(4):  # the sender was stalled, not the packets lost
        buffer.put(packet(seq), seq)
        seq += 1
    for _ in range(3000):
        buffer.put(packet(seq), seq)
        assert play(buffer) is not None
        seq += 1
    assert buffer.depth == 1 and buffer.dropped >= 2 and buffer.late == 0
    assert 4 + 3000 + 2 - buffer.played - buffer.dropped <= 2  # what it still holds


def test_it_is_bounded():
    buffer = Playout(2, 4)
    assert run(buffer, 1, 2)[1] == sample(1)
    for seq in range(3, 60):
        buffer.put(packet(seq), seq)
    assert buffer.overrun > 0
    assert sum(slot is not None for slot in buffer._slots) <= 16
    buffer.put(packet(20000), 20000)  # a jump
    buffer.put(packet(20001), 20001)
    assert play(buffer) == sample(20000)


def test_after_a_silence_it_fills_again():
    buffer = Playout(2, 2)
    run(buffer, 1, 2, 3)
    for _ in range(20):
        play(buffer)
    assert run(buffer, 500, 501) == [None, sample(500)]
    assert buffer.late == 0


def test_packets_of_other_lengths():
    for octets in (80, 240, 320, 100):
        buffer = Playout(2, 6)
        frames = 0
        seq = 0
        sent = 0
        for _ in range(60):
            while sent < 160 * (frames + 3):
                buffer.put(packet(seq, octets), seq)
                seq += 1
                sent += octets
            assert buffer.frame(0)
            frames += 1
        assert buffer.concealed == 0 and buffer.late == 0 and buffer.overrun == 0, octets


def test_a_place_without_sound():
    buffer = Playout(2, 2)
    run(buffer, 1, 2)
    buffer.put_quiet(3)
    assert run(buffer, 4, 5, 6) == [sample(2), None, sample(4)]
    assert buffer.concealed == 0


def test_depth_is_checked():
    for least, most in ((0, 2), (3, 2), (2, 16)):
        assert "1 to 15" in raises(ValueError, Playout, least, most)
