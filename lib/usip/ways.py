"""Where a proxy's requests go, and what it writes into messages so that others come back.

A hop is (side, whether over TCP, host, port): where a message comes from or goes to.
"""

from micropython import const

from usip import header

PHONE = const(0)  # sides
SERVER = const(1)

_CONTACTS = const(16)
_SEALED = "uhep"  # the parameter of URIs and of Via that holds what is sealed


class Refused(Exception):
    """args[0] is the status that a request is refused with."""


class Ways:
    """The addresses of a proxy, `here` as (host, port) for PHONE and SERVER, and beyond.

    server: the hop that all goes to which begins something. seal: a Seal. Names are not
    looked up: a route with a name in it leads to the server.

    Memory: the contacts of at most 16 phones on TCP.
    """

    def __init__(self, here, server, seal):
        self.here = here
        self.server = server
        self._seal = seal
        self._contacts = []  # (URI, hop) of phones that registered over TCP

    def target(self, m, source):
        """The next (hop, spare) of a request; its Routes that are ours, and a URI that we
        made, are gone then. Raises Refused."""
        self._strict(m)
        side = sealed = None
        known = False
        while m.get("route"):
            uri = header.uri(m.get("route"))
            mine = self._own(uri)
            if mine is None:
                break
            side, sealed = mine, uri
            known = known or self.unseal(uri)[0] is not None
            m.pop("route")
        hop, _ = self.unseal(sealed) if sealed else (None, "")
        if hop and hop != source:
            return hop, _numeric(m.uri)
        if self._own(m.uri) is not None:
            return self._to_phone(m, source)
        if source[0] != PHONE:
            raise Refused(404 if side is None else 403)
        route = m.get("route")
        if known and (route or header.param(m.get("to"), "tag")):
            return self._next(header.uri(route) if route else m.uri), None
        return self.server, None

    def _strict(self, m):
        # 16.4: a strict router before us has put what we recorded in place of the URI.
        if self._own(m.uri) is not None and header.param(m.uri, "lr") is not None:
            last = m.take_last("route")
            if last:
                m.push("route", "<%s>" % m.uri)
                m.uri = header.uri(last)

    def _to_phone(self, m, source):
        # The request's URI is at this proxy: a contact that we registered, or the server's
        # address for phones that know no other.
        hop, uri = self.unseal(m.uri)
        if uri:
            m.uri = uri
            spare = _numeric(uri)
            if hop[1] and spare:  # over TCP: the connection that registered, or a new one
                for contact, latest in self._contacts:
                    if contact == uri:
                        return latest, spare
                hop = hop[:2] + spare
            return hop, spare
        if source[0] != PHONE:
            raise Refused(404)
        m.uri = "sip:%s%s" % (_user(m.uri), written(self.server[2:]))
        return self.server, None

    def _next(self, uri):
        where = _numeric(uri)
        over = False
        if where is None or where == self.server[2:]:
            _, over, host, port = self.server
            where = (host, port)
        asked = (header.param(uri, "transport") or "").lower()
        return (SERVER, asked == "tcp" if asked else over) + where

    def record(self, m, source, hop):
        """Writes this proxy into the way of a dialog, once for each side (RFC 5658)."""
        phone = source if source[0] == PHONE else hop
        for each in (source, hop):
            sealed = self.sealed(phone) if each[0] == PHONE else ""
            m.push("record-route", "<%s;lr%s>" % (self._uri("", each), sealed))

    def path(self, m, source, hop):
        """Writes this proxy into the way of what a phone's REGISTER brings (RFC 3327)."""
        m.push("path", "<%s;lr%s>" % (self._uri("", hop), self.sealed(source)))
        m.add("supported", "path")

    def register(self, m, source, hop):
        """Puts URIs at this proxy into the Contacts of a phone's REGISTER."""
        _each_contact(m, lambda uri: self._contact(uri, source, hop))

    def registered(self, m):
        """Puts the phone's own URIs back into the Contacts of the answer."""
        _each_contact(m, lambda uri: self.unseal(uri)[1])

    def _contact(self, uri, source, hop):
        # The port of a connection is another each time, and a binding has to stay the same.
        if uri[:4].lower() != "sip:":
            return None
        if source[1]:
            self._contacts = [one for one in self._contacts if one[0] != uri][1 - _CONTACTS :]
            self._contacts.append((uri, source))
            source = source[:3] + (0,)
        return self._uri(_user(uri), hop) + self.sealed(source, uri)

    def via(self, hop, branch, reply):
        """This proxy's Via for what goes to `hop` and is answered to `reply`."""
        return "SIP/2.0/%s %s;branch=%s%s%s" % (
            "TCP" if hop[1] else "UDP",
            written(self.here[hop[0]]),
            branch,
            "" if hop[1] else ";rport",
            self.sealed(reply),
        )

    def sealed(self, hop, uri=""):
        """The parameter that stands for a hop, and maybe a URI, wherever it comes back."""
        return ";%s=%s" % (_SEALED, self._seal.close("%d %d %s %d %s" % (hop + (uri,))))

    def unseal(self, value):
        """(hop, URI) of a header value or URI that holds one; (None, "") if none of ours."""
        text = self._seal.open(header.param(value, _SEALED) or "")
        if not text:
            return None, ""
        side, over, host, port, uri = text.split(" ", 4)
        return (int(side), over == "1", host, int(port)), uri

    def _uri(self, user, hop):
        # This proxy, as it is seen from a hop.
        transport = ";transport=tcp" if hop[1] else ""
        return "sip:%s%s%s" % (user, written(self.here[hop[0]]), transport)

    def _own(self, uri):
        # The side that a URI at this proxy is of, or None.
        where = _numeric(uri)
        for side in (PHONE, SERVER):
            if where == self.here[side]:
                return side
        return None


def written(where):
    """(host, port) as it is written into a URI or Via."""
    return ("[%s]:%d" if ":" in where[0] else "%s:%d") % where


def _user(uri):
    user, at, _ = uri[4:].partition("@")
    return user + at if at else ""


def _numeric(uri):
    """(host, port) of a sip: URI whose host is a number, or None."""
    try:
        where = header.uri_host_port(uri)
    except ValueError:
        return None
    host = where[0]
    return where if ":" in host or host.replace(".", "").isdigit() else None


def _each_contact(m, other):
    """Replaces the URI of each Contact value by other(URI), unless that is nothing."""
    for at, line in enumerate(m.all("contact")):
        was = header.split(line)
        values = [_swapped(value, other) for value in was]
        if values != was:
            m.replace("contact", ", ".join(values), at)


def _swapped(value, other):
    uri = header.uri(value)
    new = other(uri)
    at = value.find(uri)
    end = at + len(uri)
    if not new:
        return value
    if at and value[at - 1] == "<":
        return value[:at] + new + value[end:]
    return "%s<%s>%s" % (value[:at], new, value[end:])
