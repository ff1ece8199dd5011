"""Cases of alloc_proof.py: what streams cost."""

import sys

from uhep.stream import tap

HERE = ("192.0.2.10", 40000)
THERE = ("192.0.2.20", 5060)


class Stream:
    """Gives the same segment again and again, and takes everything."""

    segment = b""

    def readinto(self, buf):
        n = len(self.segment)
        buf[:n] = self.segment
        return n

    def write(self, buf, at, n):
        return n


def cases(agent, invite):
    """The cases as functions; agent: makes one, invite: a message of 600 octets, l: 0."""
    head = invite.index(b"\r\n\r\n") + 4
    invite = invite.replace(b": 000\r", b": %03d\r" % (600 - head))
    room = bytearray(3000)

    def reading(segment, per_step, **caps):
        now = [0]
        a = agent()
        sock = Stream()
        sock.segment = segment
        t = tap(sock, a, HERE, THERE, ticks=lambda: now[0], **caps)

        def step():
            t.readinto(room)
            now[0] = (now[0] + 3000) & 0xFFFFF
            t.poll()
            a.poll()
            return per_step

        for _ in range(3):
            step()
        assert a.stats()["captured"] == 3 * per_step, a.stats()
        return step

    def stream_whole():
        return reading(invite, 1)

    def stream_two_and_keep_alives():
        return reading(b"\r\n\r\n" + invite + b"\r\n" + invite, 2)

    def stream_header_unfinished_and_timed_out():
        return reading(invite[:300], 1)

    def stream_body_unfinished_and_timed_out():
        return reading(invite[:590], 1)

    def stream_of_garbage():
        return reading(bytes(range(256)) * 4, 0)

    def stream_of_unusable_lengths():
        return reading(b"A x SIP/2.0\r\nl: -1\r\n\r\n" + b"x\r\n" * 100 + invite, 2)

    def stream_of_headers_too_long():
        return reading(b"A x SIP/2.0\r\nX: " + b"y" * 2000 + b"\r\n\r\n" + invite, 2, headers=700)

    def stream_cut_anywhere():
        a = agent()
        t = tap(Stream(), a, HERE, THERE)
        cut = [0]

        def step():
            cut[0] = at = (cut[0] + 1) % 600
            t.write(invite, 0, at)
            t.write(invite, at, 600 - at)
            a.poll()

        for _ in range(3):
            step()
        assert a.stats()["captured"] == 3
        return step

    def stream_disabled():
        a = agent()
        t = tap(Stream(), a, HERE, THERE)
        a.enabled = False

        def step():
            t.write(invite, 0, 600)

        return step

    def polled_without_file_numbers():
        import io
        import select

        class NoFile(io.IOBase):
            def ioctl(self, request, arg):
                return 1 if request == 3 else -22

        t = tap(NoFile(), agent(), HERE, THERE)
        p = select.poll()
        p.register(t, 1)

        def step():
            for found, events in p.ipoll(0):
                assert found is t and events == 1

        step()
        return step

    found = [
        stream_whole,
        stream_two_and_keep_alives,
        stream_header_unfinished_and_timed_out,
        stream_body_unfinished_and_timed_out,
        stream_of_garbage,
        stream_of_unusable_lengths,
        stream_of_headers_too_long,
        stream_cut_anywhere,
        stream_disabled,
    ]
    if sys.platform != "webassembly":
        found.append(polled_without_file_numbers)
    return tuple(found)
