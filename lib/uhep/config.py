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
    "transport": ("udp", ["udp", "tcp", "tls"]),
    "profile": ("homer", ["homer", "kamailio", "sngrep"]),
    "max_packet": (4096, (600, 65507)),
    "queue_bytes": (8192, (1024, 1 << 20)),
    "drop": ("oldest", ["oldest", "newest"]),
    "before_time": ("hold", ["hold", "zero"]),
    "tls_proto": (6, [6, 22]),
    "flows": (8, (1, 64)),
    "spool": (None, "spool"),
    "spool_per_s": (50, (1, 1000)),
    "failback_s": (300, (10, 86400)),
    "dns": ("", "server"),
    "stall_s": (20, (2, 3600)),
    "keepalive_s": (0, (0, 3600)),
    "tcp_buffer": (16384, (2048, 1 << 20)),
    "tls_ca": ("", "text"),
    "tls_pin": ("", "pin"),
    "tls_name": ("", "text"),
    "tls_cert": ("", "text"),
    "tls_key": ("", "text"),
    "tls_verify": ("full", ["full", "none"]),
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


def _server(value):
    # An IPv4 address, with or without a port.
    try:
        host, port = (value + ":53").split(":")[:2]
        octets = [int(n) for n in host.split(".")]
        return len(octets) == 4 and all([0 <= n < 256 for n in octets]) and 0 < int(port) < 65536
    except (ValueError, AttributeError, TypeError):
        return False


def _pin(value):
    value = value.replace(":", "").lower() if isinstance(value, str) else "x"
    return len(value) in (0, 64) and all([c in "0123456789abcdef" for c in value])


def _tls(full):
    # (key, what would be right) of TLS keys that do not go together, or None.
    given = [key for key in ("tls_ca", "tls_pin", "tls_cert", "tls_key") if full[key]]
    if full["transport"] != "tls":
        return ("transport", '"tls" with ' + given[0]) if given else None
    proof = full["tls_ca"] or full["tls_pin"]
    if full["tls_verify"] == "none":
        return ("tls_verify", '"full" with tls_ca or tls_pin') if proof else None
    if not proof:
        return "tls_ca", 'the file of a CA, or tls_pin, or "tls_verify": "none"'
    if bool(full["tls_cert"]) != bool(full["tls_key"]):
        return ("tls_key" if full["tls_cert"] else "tls_cert"), "both or none of the two"
    return None


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
    if rule == "text":
        return None if isinstance(value, str) else "a text"
    if rule == "pin":
        return None if _pin(value) else "64 hex digits: the SHA-256 of the certificate"
    if rule == "server":
        return None if value == "" or _server(value) else 'an IPv4 address, or "address:port"'
    if isinstance(value, bool):
        value = None
    if isinstance(rule, list):
        return None if value in rule else "one of " + ", ".join([str(r) for r in rule])
    if isinstance(value, int) and rule[0] <= value <= rule[1]:
        return None
    return "an integer from %d to %d" % rule


def _error(key, value, right):
    value = "that" if key == "capture_password" else repr(value)
    raise ConfigError("%s: %s is not possible; use %s" % (key, value, right))


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
        if key == "max_packet" and full["profile"] == "kamailio" and full["transport"] != "udp":
            rule = (600, 16383)
        right = _wrong(value, rule)
        if right:
            _error(key, value, right)
    right = _tls(full)
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
    if n == 0 or n == 1 and c["transport"] == "udp" and not c["dns"]:
        from uhep.link import UdpLink

        return UdpLink("".join(c["capture_address"]))
    from uhep.collectors import make

    return make(agent, c)
