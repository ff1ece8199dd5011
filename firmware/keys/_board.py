"""What every device has, whatever it does: its name, its network, its time, its updates.

What looks at a value is called by words that the phone has anyway: a name that is new stays.
"""


def text(value, more):
    """Whether the text is nothing but letters and digits of ASCII, and `more`, octets."""
    # Octets, not letters: of each letter that it looks at, MicroPython makes a name.
    for c in value.encode():
        if not (48 <= c < 58 or 65 <= c & 223 < 91 or c in more):
            return False
    return True


def name(value):
    if isinstance(value, str) and text(value, b"-_.!~*'()%&=+$,;?/"):  # RFC 3261 25.1
        return None
    return "a string of letters, digits and -_.!~*'()%&=+$,;?/ (the user of a SIP address)"


def _seconds(value):
    whole = isinstance(value, int) and not isinstance(value, bool)
    return None if whole and (value == 0 or 10 <= value <= 600) else "0 or from 10 to 600"


def _url(value):
    if value == "":
        return None
    if isinstance(value, str) and all([33 <= c < 127 and c not in b"@[]" for c in value.encode()]):
        kind, _, rest = value.partition("://")
        host, _, port = rest.partition("/")[0].partition(":")
        if kind in ("http", "https") and host and (port or "80").isdigit():
            if 0 < int(port or 80) < 65536:
                return None
    return "empty or a URL as http://host:port/path, or https, without user and IPv6"


def _key(value):
    if isinstance(value, str) and len(value) in (0, 64):
        if all([c in b"0123456789abcdef" for c in value.encode()]):
            return None
    return "empty or 64 hexadecimal digits in lower case"


def _ip(value):
    parts = value.split(".") if isinstance(value, str) and value else ("0",) * 4
    if isinstance(value, str) and len(parts) == 4:
        if all([part.isdigit() and int(part) < 256 for part in parts]):
            return None
    return "empty or an IPv4 address"


def address(value):
    if isinstance(value, str) and ":" in value:
        if all([c in b"0123456789abcdefABCDEF:." for c in value.partition("%")[0].encode()]):
            return None
    elif value and not _ip(value):
        return None
    return "an IP address"


KEYS = {
    "name": ("", name),
    "address": ("127.0.0.1", address),
    "wifi_ssid": ("", None),
    "netmask": ("255.255.255.0", _ip),
    "gateway": ("", _ip),
    "dns": ("", _ip),
    "ntp": ("pool.ntp.org", None),
    "watchdog_s": (60, _seconds),
    "update_url": ("", _url),
    "update_every_s": (86400, (60, 400000)),
    "update_key": ("", _key),
}
