# Part of uhep, MIT licence.
"""The configuration: one flat JSON object. Names and meanings follow Asterisk's hep.conf."""

import json

# key: default, and what is allowed: "flag", "label", "address", a list of choices, or the
# least and the largest integer. README.md says what each means.
_KEYS = {
    "enabled": (True, "flag"),
    "capture_address": ([], "address"),
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
    "spool": (None, "spool"),
    "spool_per_s": (50, (1, 1000)),
}


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
    if rule == "flag":
        return None if value is True or value is False else "true or false"
    if rule == "label":
        return None if _label(value) else "at most 64 of A-Z a-z 0-9 . _ : @ -"
    if rule == "address":
        return None if _address(value) else '"host:port" or "[IPv6]:port" or a list of these'
    if rule == "spool":
        if value is None:
            return None
        from uhep.spool import wrong

        return wrong(value)
    if isinstance(value, bool):
        value = None
    if isinstance(rule, list):
        return None if value in rule else "one of " + ", ".join([str(r) for r in rule])
    if isinstance(value, int) and rule[0] <= value <= rule[1]:
        return None
    return "an integer from %d to %d" % rule


def validate(config):
    """A complete configuration from a dict: every key, defaults filled in.

    capture_address comes back as a list of "host:port". Raises ConfigError.
    """
    if not isinstance(config, dict):
        raise ConfigError("a configuration is an object {...}, not %r" % (config,))
    for key in config:
        if key not in _KEYS:
            raise ConfigError("%s: no such key; there are %s" % (key, ", ".join(sorted(_KEYS))))
    full = {}
    for key in _KEYS:
        value, rule = _KEYS[key]
        value = full[key] = config.get(key, value)
        if rule == "address" and not value and config.get("enabled") is False:
            continue
        if key == "max_packet" and config.get("profile") == "sngrep":
            rule = (600, 20479)
        right = _wrong(value, rule)
        if right:
            value = "that" if key == "capture_password" else repr(value)
            raise ConfigError("%s: %s is not possible; use %s" % (key, value, right))
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
