"""Values of SIP header fields: lists, name-addr, parameters, host and port (RFC 3261 section 25).

Everything is bytes: what a peer writes need not be UTF-8.
"""

_QUOTE = 0x22
_BACKSLASH = 0x5C
_LESS = 0x3C
_GREATER = 0x3E


def split(text, separator=b","):
    """The parts of `text` between separators that stand outside of quotes and <>, stripped."""
    if b'"' not in text and b"<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts = []
    start = at = 0
    quoted = bracketed = False
    while at < len(text):
        char = text[at]
        if quoted:
            if char == _BACKSLASH:
                at += 1
            elif char == _QUOTE:
                quoted = False
        elif char == _QUOTE:
            quoted = True
        elif char == _LESS:
            bracketed = True
        elif char == _GREATER:
            bracketed = False
        elif char == separator[0] and not bracketed:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    parts.append(text[start:].strip())
    return parts


def _brackets(value):
    """Where the <...> of a name-addr opens and closes; (-1, -1) for a bare URI."""
    at = 0
    if value.startswith(b'"'):  # a display name may hold < and >
        at = 1
        while at < len(value) and value[at] != _QUOTE:
            at += 2 if value[at] == _BACKSLASH else 1
    opened = value.find(b"<", at)
    closed = value.find(b">", opened) if opened >= 0 else -1
    return (opened, closed) if closed > 0 else (-1, -1)


def uri(value):
    """The URI of a From, To, Contact or Route value: what is in <>, else all before `;`."""
    opened, closed = _brackets(value)
    if opened >= 0:
        return value[opened + 1 : closed].strip()
    return value.split(b";", 1)[0].strip()


def param(value, name):
    """Parameter `name` of a header value or of a URI: b"" if it stands alone, None if absent."""
    tail = value[_brackets(value)[1] + 1 :]
    for part in split(tail, b";")[1:]:
        key, _, text = part.partition(b"=")
        if key.strip().lower() == name:
            return text.strip()
    return None


def host_port(text, default=5060):
    """(host as str, port) of `host`, `host:port` or `[v6]:port`; ValueError if it is neither."""
    if text.startswith(b"["):
        host, _, port = text[1:].partition(b"]")
        port = port[1:]
    else:
        host, _, port = text.partition(b":")
    host = host.strip()
    if not host:
        raise ValueError("no host")
    return host.decode(), int(port) if port.strip() else default


def uri_host_port(text):
    """(host, port) of a `sip:` URI; ValueError for any other scheme."""
    if text[:4].lower() != b"sip:":
        raise ValueError("not a sip: URI")
    text = text[4:].split(b"?", 1)[0].split(b";", 1)[0]
    return host_port(text.rpartition(b"@")[2])
