"""Values of SIP header fields: lists, name-addr, parameters, host and port (RFC 3261 section 25).

All is str; text() makes it of what a peer wrote, which need not be UTF-8.
"""


def text(data):
    """The str that bytes stand for: UTF-8, or else taken for Latin-1."""
    try:
        return data.decode()
    except ValueError:
        return "".join([chr(byte) for byte in data])


def split(value, separator=","):
    """The parts of `value` between separators that stand outside of quotes and <>, stripped."""
    if '"' not in value and "<" not in value:
        return [part.strip() for part in value.split(separator)]
    parts = []
    start = at = 0
    bracketed = False
    while True:
        at = _next(value, at, '">' if bracketed else '"<' + separator)
        if at < 0:
            break
        char = value[at]
        if char == '"':
            at = _end(value, at)
            if at < 0:
                break
            continue
        if char == separator:
            parts.append(value[start:at].strip())
            start = at + 1
        else:
            bracketed = char == "<"
        at += 1
    parts.append(value[start:].strip())
    return parts


def _next(value, at, octets):
    """Where the first of `octets` is from `at` on; -1 if none is there.

    Here nothing looks at a text octet by octet: MicroPython remembers each for ever, as a name.
    """
    found = -1
    for char in octets:
        there = value.find(char, at)
        if there >= 0 and (found < 0 or there < found):
            found = there
    return found


def _end(value, at):
    """Behind the quote that closes the one at `at`; -1 if none does."""
    at += 1
    while True:
        end = value.find('"', at)
        escape = value.find("\\", at)
        if not 0 <= escape < end:
            return end + 1 if end >= 0 else -1
        at = escape + 2


def _brackets(value):
    """Where the <...> of a name-addr opens and closes; (-1, -1) for a bare URI."""
    # A display name may hold < and >.
    at = _end(value, 0) if value.startswith('"') else 0
    opened = value.find("<", at) if at >= 0 else -1
    closed = value.find(">", opened) if opened >= 0 else -1
    return (opened, closed) if closed > 0 else (-1, -1)


def uri(value):
    """The URI of a From, To, Contact or Route value: what is in <>, else all before `;`."""
    opened, closed = _brackets(value)
    if opened >= 0:
        return value[opened + 1 : closed].strip()
    return value.split(";", 1)[0].strip()


def param(value, name):
    """Parameter `name` of a header value or of a URI: "" if it stands alone, None if absent."""
    tail = value[_brackets(value)[1] + 1 :]
    for part in split(tail, ";")[1:]:
        key, _, found = part.partition("=")
        if key.strip().lower() == name:
            return found.strip()
    return None


def balanced(value):
    """Whether every quote that opens is closed."""
    at = 0
    while at >= 0:
        at = value.find('"', at)
        if at < 0:
            return True
        at = _end(value, at)
    return False


def unquote(value):
    """The text of a quoted string; any other as it is."""
    if value[:1] != '"':
        return value
    end = _end(value, 0)
    value = value[1 : end - 1] if end > 0 else value[1:]
    text = ""
    at = 0
    while True:
        escape = value.find("\\", at)
        if escape < 0:
            return text + value[at:]
        text += value[at:escape] + value[escape + 1 : escape + 2]
        at = escape + 2


def host_port(value, default=5060):
    """(host, port) of `host`, `host:port` or `[v6]:port`; ValueError if it is neither, or no
    such port can be."""
    if value.startswith("["):
        host, _, port = value[1:].partition("]")
        port = port[1:]
    else:
        host, _, port = value.partition(":")
    host = host.strip()
    if not host:
        raise ValueError("no host")
    if not port.strip():
        return host, default
    port = int(port)
    if not 0 < port < 65536:  # getaddrinfo of MicroPython takes no int that is no small one
        raise ValueError("no port")
    return host, port


def uri_host_port(value, default=5060):
    """(host, port) of a `sip:` URI; ValueError for any other scheme."""
    if value[:4].lower() != "sip:":
        raise ValueError("not a sip: URI")
    user, at, host = value[4:].partition("@")  # a user part may hold ; and ?
    return host_port((host if at else user).split("?", 1)[0].split(";", 1)[0], default)
