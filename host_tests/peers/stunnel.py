"""stunnel, which ends TLS in front of a collector that does not speak it."""

from contextlib import contextmanager

from uhep_tools.ports import free_port

from peers.program import running

_CONFIG = """foreground = yes
pid =
debug = notice
[hep]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{target}
cert = {certificate}
key = {key}
"""


@contextmanager
def terminator(folder, target, certificate, key):
    """The port on which it takes TLS, for a TCP port of 127.0.0.1."""
    port = free_port()
    config = folder / "stunnel.conf"
    config.write_text(_CONFIG.format(port=port, target=target, certificate=certificate, key=key))
    with running(["stunnel4", config], folder, [("tcp", port)]):
        yield port
