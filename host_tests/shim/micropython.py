"""What the device's code asks of MicroPython, for CPython.

Importing it also gives `time` its ticks functions. The ticks wrap at 2^30, as on an ESP32,
so that a comparison without ticks_diff is wrong here too.
"""

import time

_PERIOD = 1 << 30


def const(value):
    return value


def native(function):
    return function


def viper(function):
    return function


def heap_lock():
    return 0


def heap_unlock():
    return 0


def _ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def _ticks_diff(end, start):
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


time.ticks_ms = lambda: time.monotonic_ns() // 1_000_000 % _PERIOD
time.ticks_us = lambda: time.monotonic_ns() // 1_000 % _PERIOD
time.ticks_add = _ticks_add
time.ticks_diff = _ticks_diff
time.sleep_ms = lambda ms: time.sleep(ms / 1000)
time.sleep_us = lambda us: time.sleep(us / 1000000)
