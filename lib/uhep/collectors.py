# Part of uhep, MIT licence.
"""Links other than to one collector by UDP, and the choice between several collectors."""

from uhep.link import UdpLink
from uhep.port import ticks_diff, ticks_ms


def make(agent, c):
    """The link of a complete configuration `c`; what it does not need is not imported."""
    links = [_one(agent, address, c) for address in c["capture_address"]]
    if c["dns"]:
        from uhep.dns import Resolver, resolve

        for link in links:
            resolve(link, Resolver(c["dns"]))
    link = links[0] if len(links) == 1 else FailOver(links, c["failback_s"] * 1000)
    if hasattr(link, "look"):
        attend(agent, link)
    return link


def attend(agent, link):
    """Let `agent` look after `link` while nothing is sent."""
    idle = agent._idle

    def look():
        idle()
        if link.write and link.look():
            agent._linked()

    agent._idle = look


def _one(agent, address, c):
    if c["transport"] == "udp":
        return UdpLink(address)
    if c["transport"] == "tcp":
        from uhep.tcp import TcpLink

        return TcpLink(address, c, agent)
    from uhep.tls import TlsLink

    return TlsLink(address, c, agent)


class FailOver:
    """A link made of others, one for each collector, in order of preference.

    While a later one is in use, the first is tried again every `failback_ms`, beside it, and
    taken as soon as it is there, between two packets. Each link keeps its own time to wait
    after failures. Over UDP a collector counts as gone when its host says "refused".

    Memory: the links; at most two of them have a socket at a time.
    """

    def __init__(self, links, failback_ms, ticks=ticks_ms):
        self.links = links
        self.write = None
        self._use = links[0]
        self._look = None
        self._failback_ms = failback_ms
        self._ticks = ticks
        self._tried = ticks()

    @property
    def errors(self):
        """Of all links together, like the next ones."""
        return self._sum("errors")

    @property
    def refused(self):
        return self._sum("refused")

    @property
    def opened(self):
        return self._sum("opened")

    @property
    def unconfirmed(self):
        return self._sum("unconfirmed")

    def _sum(self, name):
        n = i = 0  # a for loop would take the frame over 11 words
        while i < len(self.links):
            n += getattr(self.links[i], name)
            i += 1
        return n

    @property
    def status(self):
        return "%s: %s" % (self._use.address, self._use.status)

    def open(self):
        """Go on with opening the first link that can be. True once it can be written."""
        for link in self.links:
            if link.open():
                self._take(link)
                return True
            if getattr(link, "trying", False):
                return False
        return False

    def look(self):
        """While nothing is sent: True if `write` is another one now."""
        if self._look and self._look():
            self.write = None
            return True
        if self._use is self.links[0]:
            return False
        return self._fail_back()

    def _fail_back(self):
        first = self.links[0]
        if not getattr(first, "trying", False):
            if ticks_diff(self._ticks(), self._tried) < self._failback_ms:
                return False
            self._tried = self._ticks()
        if not first.open() and not getattr(first, "shaking", False):
            return False
        self._use.close()
        self._take(first)
        return True

    def _take(self, link):
        self._use = link
        self._look = getattr(link, "look", None)
        self.write = link.write
        self._tried = self._ticks()

    def failed(self, e):
        """A write raised OSError `e`."""
        link = self._use
        refused = link.refused
        link.failed(e)
        if link.refused > refused:
            link.broken(e)
        self.write = link.write

    def close(self):
        """Close the sockets; `open` makes others."""
        for link in self.links:
            link.close()
        self.write = None
