# Part of uhep, MIT licence.
# The hot path: machine code where the interpreter can make it, bytecode elsewhere.
# ruff: noqa: F401

import sys

if sys.implementation.name == "cpython":
    from uhep._plain import capture, poll
else:
    try:
        from uhep._native import capture, poll
    except (ImportError, SyntaxError, ValueError):  # no native emitter, or .mpy of another chip
        from uhep._plain import capture, poll
