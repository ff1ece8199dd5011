"""Wait for what must come."""

import time

PATIENCE_S = 60  # for what takes a moment, on a machine that is busy with something else


class TooLate(AssertionError):
    """What had to come did not."""


def until(condition, what="what must come", seconds=PATIENCE_S):
    """Poll condition() until it is true and return what it gave; fail after so many seconds.

    what: that was waited for, as text or as a function that gives it in the end.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TooLate(f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(0.01)
