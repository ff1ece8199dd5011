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
    quoted = bracketed = False
    while at < len(value):
        char = value[at]
        if quoted:
            if char == "\\":
                at += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            bracketed = True
        elif char == ">":
            bracketed = False
        elif char == separator and not bracketed:
            parts.append(value[start:at].strip())
            start = at + 1
        at += 1
    parts.append(value[start:].strip())
    return parts


def _brackets(value):
    """Where the <...> of a name-addr opens and closes; (-1, -1) for a bare URI."""
    at = 0
    if value.startswith('"'):  # a display name may hold < and >
        at = 1
        while at < len(value) and value[at] != '"':
            at += 2 if value[at] == "\\" else 1
    opened = value.find("<", at)
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
    quoted = False
    while at < len(value):
        if value[at] == '"':
            quoted = not quoted
        elif quoted and value[at] == "\\":
            at += 1
        at += 1
    return not quoted


def unquote(value):
    """The text of a quoted string; any other as it is."""
    if value[:1] != '"':
        return value
    text = ""
    at = 1
    while at < len(value) and value[at] != '"':
        if value[at] == "\\":
            at += 1
        text += value[at : at + 1]
        at += 1
    return text


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
