# Part of uhep, MIT licence.
"""MicroPython's ticks, also where time has none (CPython): periods of 2^30, like a board's."""

try:
    from time import ticks_add, ticks_diff, ticks_ms, ticks_us
except ImportError:
    from time import monotonic_ns

    def ticks_ms():
        return monotonic_ns() // 1000000 & 0x3FFFFFFF

    def ticks_us():
        return monotonic_ns() // 1000 & 0x3FFFFFFF

    def ticks_add(t, d):
        return t + d & 0x3FFFFFFF

    def ticks_diff(a, b):
        return (a - b + 0x20000000 & 0x3FFFFFFF) - 0x20000000
