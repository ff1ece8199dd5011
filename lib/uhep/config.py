# Part of uhep, MIT licence.
"""The configuration: one flat JSON object. Names and meanings follow Asterisk's hep.conf."""

import json

# The largest HEP packet that a kind of collector takes, over UDP.
_PROFILES = {"homer": 65507, "kamailio": 65507, "sngrep": 20479}

# key: default, and what is allowed: a type, choices, or a range of integers.
_KEYS = {
    "enabled": (True, bool),
    "capture_address": ("", str),
    "capture_password": ("", "label"),
    "capture_id": (0, (0, 0xFFFFFFFF)),
    "capture_name": ("", "label"),
    "uuid_type": ("call-id", ["call-id", "channel"]),
    "transport": ("udp", ["udp"]),
    "profile": ("homer", ["homer", "kamailio", "sngrep"]),
    "max_packet": (4096, (600, 65507)),
    "queue_bytes": (8192, (1024, 1 << 20)),
    "drop": ("oldest", ["oldest", "newest"]),
    "before_time": ("hold", ["hold", "zero"]),
    "tls_proto": (6, [6, 22]),
    "flows": (8, (1, 64)),
}

_LABEL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-"


class ConfigError(ValueError):
    """A configuration that can not be used: names the key, the value, and what would be right."""


def _error(key, value, right):
    if key == "capture_password":
        value = "that value"
    else:
        value = repr(value)
    raise ConfigError("%s: %s is not possible; %s" % (key, value, right))


def _addresses(key, value):
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, tuple)) or not value:
        _error(key, value, 'use "host:port" or a list of these')
    for one in value:
        try:
            host, port = one.rsplit(":", 1)
            good = 0 < int(port) < 65536 and host and (":" not in host or host[0] == "[")
        except (ValueError, AttributeError):
            good = False
        if not good:
            _error(key, one, 'use "host:port" or "[IPv6]:port", port from 1 to 65535')
    return list(value)


def _check(key, value, rule):
    if rule is bool:
        if value is not True and value is not False:
            _error(key, value, "use true or false")
    elif rule == "label":
        # Homer stores both unescaped and readable: a quote would break its row.
        if not isinstance(value, str) or len(value) > 64 or any(c not in _LABEL for c in value):
            _error(key, value, "use at most 64 of A-Z a-z 0-9 . _ : @ -")
    elif isinstance(rule, list):
        if value not in rule or isinstance(value, bool):
            _error(key, value, "use one of " + ", ".join([str(r) for r in rule]))
    elif (
        not isinstance(value, int) or isinstance(value, bool) or not (rule[0] <= value <= rule[1])
    ):
        _error(key, value, "use an integer from %d to %d" % rule)


def validate(config):
    """A complete configuration from a dict: every key, defaults filled in.

    capture_address comes back as a list of "host:port". Raises ConfigError.
    """
    if not isinstance(config, dict):
        raise ConfigError("the configuration is a %s, not an object" % type(config).__name__)
    for key in config:
        if key not in _KEYS:
            raise ConfigError("%s: unknown key; known are %s" % (key, ", ".join(sorted(_KEYS))))
    full = {}
    for key, (default, rule) in _KEYS.items():
        value = config.get(key, default)
        if rule is str:
            if value or full["enabled"]:
                value = _addresses(key, value)
            else:
                value = []
        else:
            _check(key, value, rule)
        full[key] = value
    top = _PROFILES[full["profile"]]
    if full["max_packet"] > top:
        _error("max_packet", full["max_packet"], "%s takes up to %d" % (full["profile"], top))
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
            raise ConfigError("%s: not JSON; check commas, quotes and brackets" % path)
    return validate(config)
