"""machine of a board that is a process: a reset ends it, and it is started again."""

import os


class Pin:
    IN, OUT = 1, 3

    def __init__(self, number, *args):
        self.number = number


class SPI:
    def __init__(self, *args, **kwargs):
        pass


class RTC:
    def datetime(self, t):
        pass


class WDT:
    def __init__(self, id=0, timeout=5000):
        pass

    def feed(self):
        pass


def reset_cause():
    return int(os.getenv("RESET_CAUSE") or 1)


def reset():
    # At once, as a chip does: a Ctrl-C while a process ends by itself may stop it for good.
    os.system("kill -KILL $PPID")
