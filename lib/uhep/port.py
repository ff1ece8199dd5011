# Part of uhep, MIT licence.
"""What CPython does not have: from MicroPython's own modules, or from uhep.host."""
# ruff: noqa: F401, F403

try:
    from time import ticks_add, ticks_diff, ticks_ms, ticks_us

    from micropython import const
except ImportError:
    from uhep.host import *
