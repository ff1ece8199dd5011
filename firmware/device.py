"""The device file, device.json: who the device is and what it does by itself."""

import json

# Key: (default, the least and the most of a number, or the allowed values, or None for any).
_KEYS = {
    "personality": ("phone", ("phone",)),
    "name": ("phone", None),
    "address": ("127.0.0.1", None),
    "sip_port": (5060, (1, 65535)),
    "rtp_port": (4000, (1, 65535)),
    "tone_hz": (400, (50, 3400)),
    "call": ("", None),
    "call_after_ms": (1000, (0, 86400000)),
    "answer_after_ms": (1000, (0, 86400000)),
    "talk_ms": (0, (0, 86400000)),
    "quit_after_calls": (0, (0, 1000000)),
    "quit_after_ms": (0, (0, 86400000)),
}


def load(path):
    """The settings in a device file as a complete dict; no file gives the defaults.

    ValueError names the key, its value and what would be right.
    """
    try:
        with open(path) as file:
            return validate(json.load(file))
    except OSError:
        return validate({})
    except ValueError as error:
        raise ValueError(str(error) or "it is not JSON")


def validate(given):
    """`given` with the defaults for what it leaves out. ValueError as load() raises it."""
    if not isinstance(given, dict):
        raise ValueError("it must be a JSON object")
    for key in given:
        if key not in _KEYS:
            raise ValueError("unknown key %s; known are: %s" % (key, ", ".join(sorted(_KEYS))))
    settings = {}
    for key, (default, allowed) in _KEYS.items():
        settings[key] = _checked(key, given.get(key, default), default, allowed)
    return settings


def _checked(key, value, default, allowed):
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError("%s is %r, but must be a string" % (key, value))
        if allowed and value not in allowed:
            raise ValueError("%s is %r, but must be one of: %s" % (key, value, ", ".join(allowed)))
    elif isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("%s is %r, but must be a whole number" % (key, value))
    elif not allowed[0] <= value <= allowed[1]:
        raise ValueError("%s is %d, but must be from %d to %d" % ((key, value) + allowed))
    return value
