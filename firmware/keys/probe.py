"""The probe."""


def _server(value):
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if host and port.isdigit() and 0 < int(port) < 65536:
        return None
    return '"host:port" of the SIP server'


KEYS = {
    "sip_port": (5060, (1, 65535)),
    "server": ("", _server),
    "server_port": (5062, (1, 65535)),
    "server_transport": ("udp", ("udp", "tcp")),
    "register": ("contact", ("contact", "path")),
    "connections": (4, (1, 64)),
    "message_bytes": (4096, (1024, 65535)),
    "idle_s": (3600, (30, 86400)),
}
