# Part of uhep, MIT licence.
"""Configuration of what not every agent has: spool, fail-over, TCP, TLS, voice quality."""

from uhep.flow import address


def _server(value):
    # An IPv4 address, with or without a port.
    try:
        host, port = (value if ":" in value else value + ":53").split(":")
        good = len(address(host)) == 4 and " " not in host and 0 < int(port) < 65536
    except (ValueError, AttributeError, TypeError):
        good = value == ""
    return None if good else 'an IPv4 address, or "address:port"'


def _pin(value):
    text = value.replace(":", "").lower() if isinstance(value, str) else "x"
    if len(text) in (0, 64) and all([c in "0123456789abcdef" for c in text]):
        return None
    return "64 hex digits: the SHA-256 of the certificate"


def _text(value):
    return None if isinstance(value, str) else "a text"


def _rule(name):
    # Of the filters; see uhep.rules.
    def rule(value):
        from uhep import rules

        return getattr(rules, name)(value)

    return rule


def _spool(value):
    if value is None:
        return None
    from uhep.spool import wrong

    return wrong(value)


def _redact(value):
    if not value:
        return None if value in ([], ()) else "a list"
    from uhep.redact import wrong

    return wrong(value)


def _salt(value):
    return None if value == "" or isinstance(value, str) and len(value) >= 8 else _SALT


_SALT = "a text of at least 8 characters, the same on all devices that shall agree"

# As in uhep.config; a function gives what would be right, or None.
KEYS = {
    "spool": (None, _spool),
    "spool_per_s": (50, (1, 1000)),
    "status_s": (60, (0, 86400)),
    "redact": ([], _redact),
    "redact_salt": ("", _salt),
    "trigger_s": (0, (0, 3600)),
    "trigger_after_s": (30, (1, 3600)),
    "trigger_mos": (0, (0, 450)),
    "collectors": ("failover", "failover, copy"),
    "failback_s": (300, (10, 86400)),
    "dns": ("", _server),
    "stall_s": (20, (2, 3600)),
    "keepalive_s": (0, (0, 3600)),
    "tcp_buffer": (16384, (2048, 1 << 20)),
    "tls_ca": ("", _text),
    "tls_pin": ("", _pin),
    "tls_name": ("", _text),
    "tls_cert": ("", _text),
    "tls_key": ("", _text),
    "tls_verify": ("full", "full, none"),
    "skip_methods": ([], _rule("methods")),
    "skip_responses": ([], _rule("responses")),
    "keep_first": (0, (0, 1000)),
    "skip_peers": ([], _rule("peers")),
    "only_peers": ([], _rule("peers")),
    "sample": (1, (1, 1000)),
    "rates": ([0, 0, 0, 0], _rule("rates")),
    "rate_burst": (10, (1, 1000)),
    "rtcp_style": ("numbers", "numbers, asterisk"),
    "rtcp_rr_compat": (False, "flag"),
    "quality_s": (0, (0, 3600)),
    "quality_plc": (False, "flag"),
    "quality_text": (False, "flag"),
}


def agree(full):
    """(key, what would be right) of keys that do not go together, or None."""
    if full["profile"] == "kamailio" and full["transport"] != "udp" and full["max_packet"] > 16383:
        return "max_packet", "at most 16383, kamailio's"
    if full["collectors"] == "copy":
        if isinstance(full["capture_address"], str) or len(full["capture_address"]) != 2:
            return "capture_address", 'a list of two with "collectors": "copy"'
    if "users" in full["redact"] and not full["redact_salt"]:
        return "redact_salt", _SALT
    if full["trigger_s"] and full["spool"]:
        return "trigger_s", "0 with a spool: what is not asked for is not kept"
    if full["keep_first"] and not (full["skip_methods"] or full["skip_responses"]):
        return "keep_first", "0, or skip_methods or skip_responses with it"
    return _agree_tls(full)


def _agree_tls(full):
    given = [key for key in ("tls_ca", "tls_pin", "tls_cert", "tls_key") if full[key]]
    if full["transport"] != "tls":
        return ("transport", '"tls" with ' + given[0]) if given else None
    proof = full["tls_ca"] or full["tls_pin"]
    if full["tls_verify"] == "none":
        if proof:
            return "tls_verify", '"full" with tls_ca or tls_pin'
    elif not proof:
        return "tls_ca", 'the file of a CA, or tls_pin, or "tls_verify": "none"'
    if bool(full["tls_cert"]) != bool(full["tls_key"]):
        return ("tls_key" if full["tls_cert"] else "tls_cert"), "both or none of the two"
    return None
