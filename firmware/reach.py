"""How servers are reached where that takes more than UDP and numbers: DNS, and SIP over TCP.

Loaded by lines that want it.
"""

import time

from micropython import const
from usip import net

_PENDING = const(8)


class Names:
    """Finds names by the DNS `server`, "host" or "host:port", without waiting: a
    usip.resolver.Resolver, which is loaded with the first name."""

    def __init__(self, server):
        self._server = server
        self._resolver = None

    def find(self, host, port, kind):
        if not self._resolver:
            from usip.resolver import Resolver

            self._resolver = Resolver(self._server, time)
        return self._resolver.find(host, port, kind)

    def failed(self, where):
        if self._resolver:
            self._resolver.failed(where)


def over_tcp(line, address):
    """Has a Line speak TCP as well as UDP, on its SIP port. OSError if that is taken."""
    import ownport
    from usip.tcp import Tcp

    agent, port = line.agent, line.sip_port
    begun = {}  # where a connection leads to: where it begins

    def opened(host, to):
        try:
            sock, here = ownport.connect(host, to, address)
        except OSError:  # not from our address, but perhaps from another
            return net.tcp(host, to)
        if len(begun) > _PENDING:  # those came to nothing
            begun.clear()
        begun[host, to] = here
        return sock

    def tapped(sock, remote):
        here = begun.pop(remote, (address, port))
        if not agent or not agent.enabled:
            return sock
        from uhep.stream import tap

        return tap(sock, agent, here, remote, headers=2048)

    line.transport.tcp = Tcp(time, net.listen(address, port), opened, tapped)
