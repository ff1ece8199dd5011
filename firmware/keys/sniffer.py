"""The sniffer."""


def _ports(value):
    if isinstance(value, list) and value:
        if all(type(port) is int and 0 < port < 65536 for port in value):
            return None
    return "a list of ports, as [5060]"


def _interface(value):
    # No path: this becomes a part of one.
    if isinstance(value, str) and value and "/" not in value and value != "..":
        return None
    return 'the name of an interface, as "eth0"'


KEYS = {
    "interface": ("", _interface),
    "ports": ([5060], _ports),
    "content": (True, None),
    "rtcp": (True, None),
    "promiscuous": (False, None),
    "streams": (4, (1, 256)),
    "message_bytes": (4096, (1024, 65535)),
    "frame_bytes": (4608, (1600, 70000)),
}
