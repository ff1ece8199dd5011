"""The device file, device.json: who the device is and what it does by itself."""

import json
import sys

from keys import _board

_PERSONALITY = "phone"

# What every device has; a personality adds its own (keys/). Key: (default, allowed).
_KEYS = dict(_board.KEYS)
_KEYS["quit_after_ms"] = (0, (0, 86400000))


def load(path):
    """The settings in a device file as a complete dict; no file gives the defaults.

    ValueError names the key, its value and what would be right.
    """
    try:
        with open(path) as file:
            return _together(validate(json.load(file)))
    except OSError:
        return validate({})
    except ValueError as error:
        raise ValueError(str(error) or "it is not JSON")


def validate(given):
    """`given` with the defaults for what it leaves out. ValueError as load() raises it."""
    if not isinstance(given, dict):
        raise ValueError("it must be a JSON object")
    personality = given.get("personality", _PERSONALITY)
    keys = dict(_KEYS)
    keys.update(_keys_of(personality))
    for key in given:
        if key not in keys and key != "personality":
            known = ", ".join(sorted(keys))
            raise ValueError("unknown key %s; a %s knows: %s" % (key, personality, known))
    settings = {"personality": personality}
    for key, (default, allowed) in keys.items():
        settings[key] = _checked(key, given.get(key, default), default, allowed)
    settings["name"] = settings["name"] or personality
    return settings


def _together(settings):
    # What fits by itself, but not together.
    if settings["gateway"] and settings["address"] == "127.0.0.1":
        raise ValueError("gateway is given, so address must be too")
    if settings["update_url"] and not settings["update_key"]:
        raise ValueError("update_url is given, so update_key must be too")
    if "server_port" in settings and settings["server_port"] == settings["sip_port"]:
        raise ValueError("server_port is sip_port, but must be another")
    if settings.get("sip_proxy") and not settings["sip_server"]:
        raise ValueError("sip_proxy is given, so sip_server must be too")
    return settings


def forget():
    """Lets go of what checking needs: it is done once, and its code need not stay."""
    for name in list(sys.modules):
        if name == __name__ or name.split(".")[0] == "keys":
            del sys.modules[name]


def _keys_of(personality):
    # Letters only: no other module can be reached by this.
    if isinstance(personality, str) and personality.isalpha():
        try:
            __import__("keys." + personality)
            return sys.modules["keys." + personality].KEYS
        except ImportError:
            pass
    raise ValueError("personality is %r, but must be one that firmware/keys has" % (personality,))


def _checked(key, value, default, allowed):
    right = allowed(value) if callable(allowed) else _right(value, default, allowed)
    if right:
        # A fault is printed and sent: no secret with it.
        was = "" if "password" in key or "url" in key else " is %r, but" % (value,)
        raise ValueError("%s%s must be %s" % (key, was, right))
    return value


def _right(value, default, allowed):
    # What would be right for a value that is wrong, or None.
    if isinstance(default, str):
        if not isinstance(value, str):
            return "a string"
        if allowed and value not in allowed:
            return "one of: " + ", ".join(allowed)
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            return "true or false"
    elif isinstance(value, bool) or not isinstance(value, int):
        return "a whole number"
    elif not allowed[0] <= value <= allowed[1]:
        return "from %d to %d" % allowed
    return None
