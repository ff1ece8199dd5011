# Part of uhep, MIT licence.
"""Says what is wrong with a configuration, and what would be right. Imported only then."""

_RIGHT = {
    "flag": "true or false",
    "label": "at most 64 of A-Z a-z 0-9 . _ : @ -",
    "address": '"host:port" or "[IPv6]:port" or a list of these',
    "None": 'null or {"path": "/uhep.spool", "blocks": 16}',
}


def text(key, value, rule):
    """The text of a ConfigError. rule: as in uhep.config, or what would be right in a tuple.

    Beside these "object" for what is no configuration at all, "key" for a key that is none of
    those in `value`, "json" for a file that is none.
    """
    if rule == "object":
        return "a configuration is an object {...}, not %r" % (value,)
    if rule == "json":
        return "%s: not JSON; look for a comma, quote or bracket" % key
    if rule == "key":
        return "%s: no such key; there are %s" % (key, ", ".join(sorted(value)))
    value_text = "that" if key in ("capture_password", "redact_salt") else repr(value)
    return "%s: %s is not possible; use %s" % (key, value_text, _right(value, rule))


def _right(value, rule):
    if callable(rule):
        return rule(value)
    if isinstance(rule, tuple):
        return "an integer from %d to %d" % rule if rule[1:] else rule[0]
    return _RIGHT.get(rule) or "one of " + rule
