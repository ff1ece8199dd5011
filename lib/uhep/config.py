# Part of uhep, MIT licence.
"""The configuration: one flat JSON object. Names and meanings follow Asterisk's hep.conf."""

import json
import sys

# key: default, and what is allowed: "flag", "label", "address", a list of choices, or the
# least and the largest integer. README.md says what each means.
_KEYS = {
    "enabled": (True, "flag"),
    "capture_address": ([], "address"),
    "capture_password": ("", "label"),
    "capture_id": (0, (0, 0xFFFFFFFF)),
    "capture_name": ("", "label"),
    "uuid_type": ("call-id", ["call-id", "channel"]),
    "transport": ("udp", ["udp", "tcp", "tls"]),
    "profile": ("homer", ["homer", "kamailio", "sngrep"]),
    "max_packet": (4096, (600, 65507)),
    "queue_bytes": (8192, (1024, 1 << 20)),
    "drop": ("oldest", ["oldest", "newest"]),
    "before_time": ("hold", ["hold", "zero"]),
    "tls_proto": (6, [6, 22]),
    "flows": (8, (1, 64)),
    "spool": (None, [None]),
}


_LARGEST = {"sngrep": 20479}  # what it takes over UDP


class ConfigError(ValueError):
    """A configuration that can not be used: names the key, the value, and what would be right."""


def _address(value):
    # Also for a list of addresses.
    if isinstance(value, (list, tuple)):
        return value and all([isinstance(v, str) and _address(v) for v in value])
    try:
        host, port = value.rsplit(":", 1)
        return 0 < int(port) < 65536 and host and (":" not in host or host[0] == "[")
    except (ValueError, AttributeError):
        return False


def _label(value):
    # Homer stores labels unescaped and readable: a quote would break its row.
    return (
        isinstance(value, str)
        and len(value) <= 64
        and all([c.isalpha() and c < "\x7f" or c.isdigit() or c in "._:@-" for c in value])
    )


def _wrong(value, rule):
    # What would be right, or None.
    if callable(rule):
        return rule(value)
    if rule == "flag":
        return None if value is True or value is False else "true or false"
    if rule == "label":
        return None if _label(value) else "at most 64 of A-Z a-z 0-9 . _ : @ -"
    if rule == "address":
        return None if _address(value) else '"host:port" or "[IPv6]:port" or a list of these'
    if isinstance(value, bool):
        value = None
    if isinstance(rule, list):
        return None if value in rule else "one of " + ", ".join([str(r) for r in rule])
    if isinstance(value, int) and rule[0] <= value <= rule[1]:
        return None
    return "an integer from %d to %d" % rule


def _plain(config):
    # Nothing but what one collector over UDP needs.
    for key in config:
        if key not in _KEYS:
            return False
    return (
        config.get("transport", "udp") == "udp"
        and not config.get("spool")
        and not (
            isinstance(config.get("capture_address"), (list, tuple))
            and config["capture_address"][1:]
        )
    )


def _error(key, value, right):
    value = "that" if key in ("capture_password", "redact_salt") else repr(value)
    raise ConfigError("%s: %s is not possible; use %s" % (key, value, right))


def validate(config):
    """A complete configuration from a dict: defaults filled in for every key that matters.

    Keys of TCP, TLS, spool and fail-over stand in uhep.config_more, which is imported only
    if there is one of these. capture_address comes back as a list of "host:port". Raises
    ConfigError.
    """
    if not isinstance(config, dict):
        raise ConfigError("a configuration is an object {...}, not %r" % (config,))
    keys, agree = _KEYS, None
    if not _plain(config):
        from uhep.config_more import KEYS, agree

        keys = dict(_KEYS)
        keys.update(KEYS)
        del sys.modules["uhep.config_more"]  # needed once
        del sys.modules["uhep"].config_more
    for key in config:
        if key not in keys:
            raise ConfigError("%s: no such key; there are %s" % (key, ", ".join(sorted(keys))))
    full = {}
    for key in keys:  # in no order: MicroPython's dicts have none
        value, rule = keys[key]
        value = full[key] = config.get(key, value)
        if rule == "address" and not value and config.get("enabled") is False:
            continue
        right = _wrong(value, rule)
        if right:
            _error(key, value, right)
    top = _LARGEST.get(full["profile"], 65507)
    if full["profile"] == "kamailio" and full["transport"] != "udp":
        top = 16383
    if full["max_packet"] > top:
        _error("max_packet", full["max_packet"], "at most %d, %s's" % (top, full["profile"]))
    right = agree and agree(full)
    if right:
        _error(right[0], full[right[0]], right[1])
    if isinstance(full["capture_address"], str):
        full["capture_address"] = [full["capture_address"]]
    return full


def load(path):
    """The complete configuration of a JSON file; disabled if there is no such file.

    Raises ConfigError, also for a file that is not JSON.
    """
    try:
        f = open(path)
    except OSError:
        return validate({"enabled": False})
    with f:
        try:
            config = json.load(f)
        except ValueError:
            raise ConfigError("%s: not JSON; look for a comma, quote or bracket" % path)
    return validate(config)


def link(agent, c):
    """The link of a complete configuration; what it does not need is not imported."""
    n = len(c["capture_address"])
    if n == 0 or n == 1 and c["transport"] == "udp" and not c.get("dns"):
        from uhep.link import UdpLink

        return UdpLink("".join(c["capture_address"]))
    from uhep.collectors import make

    return make(agent, c)
