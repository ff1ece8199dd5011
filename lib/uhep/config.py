# Part of uhep, MIT licence.
"""The configuration, one flat JSON object, and what makes an agent of it.

Names and meanings follow Asterisk's hep.conf. An agent needs this once, and lets it go again.
"""

import json
import sys

from uhep.clock import Clock
from uhep.flow import chunk
from uhep.port import ticks_ms
from uhep.ring import SendRing

# key: default, and what is allowed: "flag", "label", "address", choices, the least and the
# largest integer, or a function that gives what would be right, or None. README.md says what
# each means, and uhep.wrong what would be right.
_KEYS = {
    "enabled": (True, "flag"),
    "capture_address": (None, "address"),
    "capture_password": ("", "label"),
    "capture_id": (0, (0, 0xFFFFFFFF)),
    "capture_name": ("", "label"),
    "uuid_type": ("call-id", "call-id, channel"),
    "transport": ("udp", "udp, tcp, tls"),
    "profile": ("homer", "homer, kamailio, sngrep"),
    "max_packet": (4096, (600, 65507)),
    "queue_bytes": (8192, (1024, 1 << 20)),
    "drop": ("oldest", "oldest, newest"),
    "before_time": ("hold", "hold, zero"),
    "tls_proto": (6, "6, 22"),
    "flows": (8, (1, 64)),
    "spool": (None, "None"),
}


class ConfigError(ValueError):
    """A configuration that can not be used: names the key, the value, and what would be right."""


def _address(value):
    # Also for a list of addresses.
    if isinstance(value, (list, tuple)):
        return value and all([isinstance(v, str) and _address(v) for v in value])
    if not isinstance(value, str):
        return False
    try:
        host, port = value.rsplit(":", 1)
        return 0 < int(port) < 65536 and host and (":" not in host or host[0] == "[")
    except ValueError:
        return False


def _label(value):
    # Homer stores labels unescaped and readable: a quote would break its row.
    return (
        isinstance(value, str)
        and len(value) <= 64
        and all([c < "\x7f" and (c.isalpha() or c.isdigit() or c in "._:@-") for c in value])
    )


def _good(value, default, rule):
    if callable(rule):
        return not rule(value)
    if rule == "label":
        return _label(value)
    if rule == "address":
        return _address(value)
    if type(value) is not type(default):  # True is no 1
        return False
    if isinstance(rule, tuple):
        return rule[0] <= value <= rule[1]
    return rule == "flag" or str(value) in rule.split(", ")


def _refuse(key, value, rule):
    from uhep.wrong import text

    raise ConfigError(text(key, value, rule))


def validate(config):
    """A complete configuration from a dict: defaults filled in for every key that matters.

    Keys of TCP, TLS, spool and fail-over stand in uhep.config_more, which is imported only
    if there is one of these. capture_address comes back as a list of "host:port". Raises
    ConfigError.
    """
    if not isinstance(config, dict):
        _refuse("", config, "object")
    keys = dict(_KEYS)
    given = config.get("capture_address")
    agree = None
    if (
        [key for key in config if key not in keys]
        or config.get("transport", "udp") != "udp"
        or config.get("spool")
        or isinstance(given, (list, tuple))
        and given[1:]
    ):
        from uhep.config_more import KEYS, agree

        keys.update(KEYS)
        del sys.modules["uhep.config_more"]  # needed once
        del sys.modules["uhep"].config_more
    for key in config:
        if key not in keys:
            _refuse(key, keys, "key")
    full = {}
    for key in keys:  # in no order: MicroPython's dicts have none
        default, rule = keys[key]
        full[key] = value = config.get(key, default)
        if rule == "address" and not value and config.get("enabled") is False:
            value = full[key] = []
        elif not _good(value, default, rule):
            _refuse(key, value, rule)
    if full["profile"] == "sngrep" and full["max_packet"] > 20479:
        _refuse("max_packet", full["max_packet"], ("at most 20479, sngrep's",))
    right = agree and agree(full)
    if right:
        _refuse(right[0], full[right[0]], right[1:])
    given = full["capture_address"]
    if isinstance(given, str):
        full["capture_address"] = [given]
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
            _refuse(path, None, "json")
    return validate(config)


def build(agent, config, ticks, link, slide, used):
    """Give `agent` all that it works with; see Agent. Raises ConfigError.

    slide: of the hot path, for the ring. What is not configured is not imported. used: others
    use this module; else it is let go.
    """
    c = load(config) if isinstance(config, str) else validate(config)
    if "rtcp_style" in c:
        agent.options = c
    agent.enabled = c["enabled"]
    agent.node = c["capture_id"]
    agent.flows = c["flows"]
    agent.ticks = ticks
    agent._cid = agent._fill = None
    agent._guard = None  # see uhep.guard
    agent._extra = None  # True once one of these has been given: a capture takes the long way
    agent._asked = ticks_ms()
    agent.tail = b""
    if c["capture_password"]:
        agent.tail = chunk(14, c["capture_password"].encode())
    if c["capture_name"]:
        agent.tail += chunk(19, c["capture_name"].encode())
    # Kamailio takes every kind that it does not know for SIP.
    agent.unwanted = (34, 35) if c["profile"] == "kamailio" else ()
    agent._tls = c["tls_proto"]
    agent._by_channel = c["uuid_type"] == "channel"
    oldest = c["drop"] == "oldest"
    agent.ring = ring = SendRing(c["queue_bytes"], c["max_packet"], oldest, slide)
    agent._st = ring.st
    agent._ring = ring.buf
    agent._out = (ring.st, ring.buf, None)
    agent.clock = Clock(ring, ticks, c["before_time"] == "zero")
    agent.link = link or _link(agent, c)
    if "status_s" in c:
        from uhep.extras import attach

        attach(agent, c)
    agent.clock.sync()
    if not used:
        del sys.modules[__name__]
        del sys.modules["uhep"].config


def _link(agent, c):
    n = len(c["capture_address"])
    if n == 0 or n == 1 and c["transport"] == "udp" and not c.get("dns"):
        from uhep.link import UdpLink

        return UdpLink("".join(c["capture_address"]))
    from uhep.collectors import make

    return make(agent, c)
