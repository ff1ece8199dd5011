"""Who a user agent is to its server."""

from usip import header


class Account:
    """`user` at `domain` is the address of record, `password` what proves it.

    `auth_user` is the user name in credentials where that is another one. `proxy` is a URI or
    `host:port` that every request outside of a dialog goes to; "" for none. ValueError says
    what is wrong with one of these.
    """

    def __init__(self, user, domain, password="", auth_user="", proxy=""):
        for name, value in (("user", user), ("domain", domain)):
            if not value or "<" in value or ">" in value or '"' in value or " " in value:
                raise ValueError("the %s of an account can not be %r" % (name, value))
        self.user = user
        self.domain = domain
        self.password = password
        self.auth_user = auth_user or user
        self.uri = "sip:%s@%s" % (user, domain)
        self.routes = ()
        if proxy:
            if proxy[:4].lower() != "sip:":
                proxy = "sip:" + proxy
            header.uri_host_port(proxy)
            if header.param(proxy, "lr") is None:
                proxy += ";lr"
            self.routes = ("<%s>" % proxy,)
