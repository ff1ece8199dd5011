"""How servers are reached where that takes more than UDP and numbers: DNS, and SIP over TCP.

Loaded by lines that want it.
"""

import time

from usip import net


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
    from usip.tcp import Tcp

    agent, port = line.agent, line.sip_port

    def tapped(sock, remote):
        if not agent or not agent.enabled:
            return sock
        from uhep.stream import tap

        return tap(sock, agent, (address, port), remote, headers=2048)

    line.transport.tcp = Tcp(time, net.listen(address, port), wrap=tapped)
