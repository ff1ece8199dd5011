"""A client of rtpengine's control protocol `ng`: a cookie, a blank, a bencoded dictionary."""

import os
import socket


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    if isinstance(value, dict):
        pairs = (bencode(name) + bencode(value[name]) for name in sorted(value))
        return b"d" + b"".join(pairs) + b"e"
    octets = value.encode() if isinstance(value, str) else value
    return b"%d:%s" % (len(octets), octets)


def bdecode(data):
    value, rest = _bdecode(data)
    assert not rest, f"octets after the end of a bencoded value: {rest[:20]}"
    return value


def _bdecode(data):
    kind = data[:1]
    if kind == b"i":
        digits, _, rest = data[1:].partition(b"e")
        return int(digits), rest
    if kind in (b"l", b"d"):
        items, rest = [], data[1:]
        while rest[:1] != b"e":
            item, rest = _bdecode(rest)
            items.append(item)
        rest = rest[1:]
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2], strict=True))), rest
    digits, _, rest = data.partition(b":")
    return rest[: int(digits)].decode(), rest[int(digits) :]


def ask(port, **command):
    """Send one command; returns the answer, whose `result` is ok."""
    command = {name.replace("_", "-"): value for name, value in command.items()}
    cookie = os.urandom(6).hex().encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(cookie + b" " + bencode(command), ("127.0.0.1", port))
        got, _, answer = sock.recv(65535).partition(b" ")
    assert got == cookie
    answer = bdecode(answer)
    assert answer["result"] in ("ok", "pong"), f"rtpengine refused {command['command']}: {answer}"
    return answer
