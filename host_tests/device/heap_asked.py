"""What a thousand runs ask of the heap, by micropython.mem_total(), and doubles for it."""

import micropython


class Clock:
    now = 0

    def ticks_ms(self):
        return self.now

    def ticks_us(self):
        return self.now * 1000

    def ticks_add(self, a, b):
        return a + b

    def ticks_diff(self, a, b):
        return a - b


class Agreed:
    """PCMU both ways, as sdp.Agreed."""

    payload = codec = 0
    event = None
    sends = receives = True


def asked(what, first):
    """Octets that 1,000 runs of `what` ask for, after `first` runs that are not counted."""

    def run(times):
        for _ in range(times):
            what()

    run(first)
    before = micropython.mem_total()
    run(1)
    once = micropython.mem_total()
    run(1001)
    return micropython.mem_total() - once - (once - before)
