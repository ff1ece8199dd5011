"""Registration: the server learns where we are, and keeps knowing it (RFC 3261 section 10)."""

from micropython import const

from usip import dialog, header, net
from usip.transport import is_tcp

OFF = "off"
REGISTERING = "registering"
REGISTERED = "registered"
WAITING = "waiting"  # it failed, and will be tried again
REFUSED = "refused"  # it failed, and trying again is no use: wrong password, or forbidden
LEAVING = "unregistering"

_RETRY_MS = const(30000)
_RETRY_MOST_MS = const(300000)
_DAY_S = const(86400)
_REDIRECTS = const(3)


class Registration:
    """The registration of an Account at its domain; made by UserAgent.register().

    `state` is one of the above, `status` and `reason` the response that brought it there,
    `granted_s` for how long the server took us. The binding is renewed at half of that. What
    fails is tried again after 30 s, doubled up to 5 minutes, less a random part up to half, so
    that a server that restarts does not hear of all its phones at once (`retry_ms`); a
    server's own Retry-After goes before. `registered()` hears, once, of the first success.
    """

    def __init__(self, agent, account, expires_s):
        self.agent = agent
        self.account = account
        self.state = OFF
        self.status = 0
        self.reason = ""
        self.granted_s = 0
        self.retry_ms = _RETRY_MS
        self.keep_alive_ms = 0
        self._asked_s = self._expires_s = expires_s
        self._failures = 0
        self._was_registered = False
        self._old_contact = None  # a binding of ours that is to go
        self._contact = None
        self._client = None
        self._way = None
        self._due = None
        self._kept = None
        self._home = "sip:" + account.domain
        self._dialog = dialog.begun(
            agent.transport.host, "<%s>" % account.uri, account.uri, account.routes
        )
        self._dialog.target = self._home
        self._redirects = 0

    @property
    def call_id(self):
        return self._dialog.call_id

    def start(self):
        """Registers, or renews the registration, now."""
        self._expires_s = self._asked_s
        self._send(self._expires_s)

    def stop(self):
        """Takes the registration back. Where it never was, there is nothing to take back."""
        self.agent.plan.drop(self._due)
        self.agent.plan.drop(self._kept)
        if self._was_registered and self.state != LEAVING:
            self._send(0)
        elif not self._was_registered:
            if self._client:
                self._client.given_up = True
            self._enter(OFF)

    def on_lost(self, connection):
        """A connection has broken. If the server reaches us over it, it needs another one."""
        if connection is self._way and self.state == REGISTERED:
            self._again(int(net.token(1), 16) * min(self.retry_ms, 4000) // 256)

    def moved(self):
        """Our address is another one: registers it, and takes back the old one."""
        if self.state not in (OFF, LEAVING, REFUSED):
            self.agent.transport.public = None
            self._failures = 0
            self.start()

    def _send(self, expires_s):
        self.agent.plan.drop(self._due)
        if self._client:
            self._client.given_up = True  # nor is a challenge to it answered
        contact = self.agent.contact()
        if self._was_registered and self._contact not in (None, contact):
            self._old_contact = self._contact
        self._contact = contact
        request = self._dialog.request("REGISTER")
        request.add("contact", "%s;expires=%d" % (contact, expires_s))
        if self._old_contact:
            request.add("contact", self._old_contact + ";expires=0")
        request.add("expires", "%d" % expires_s)
        request.add("allow", self.agent.allow)
        if expires_s == 0:
            self._enter(LEAVING)
        elif self.state != REGISTERED:  # a renewal is no news unless it fails
            self._enter(REGISTERING)
        self.agent.send(request, self)

    def on_sent(self, client):
        self._client = client

    def on_response(self, client, response):
        status = response.status
        if status < 200 or client is not self._client:
            return
        self._client = None
        if self.state == LEAVING:
            self._was_registered = False
            self._enter(OFF, response)
        elif self.state == OFF:  # taken back before it was known that there is one
            if status < 300:
                self._send(0)
        elif status < 300:
            self._on_success(client, response)
        elif status < 400 and self._redirect(response):
            self._send(self._expires_s)
        elif status == 423 and self._longer(response):
            self._send(self._expires_s)
        else:
            self._on_failure(response)

    def _on_success(self, client, response):
        self.granted_s = min(self._granted(response), _DAY_S)
        if not self.granted_s:
            self._on_failure(response)
            return
        self._failures = self._redirects = 0
        self._old_contact = None
        self._was_registered = True
        self._enter(REGISTERED, response)
        if not is_tcp(client.address) and self._learn(response):
            self._again(0)
            return
        self._again(max(self.granted_s * 500, 500))
        self._way = client.address
        if self.keep_alive_ms:
            self._keep(client.address)

    def _granted(self, response):
        """For how long, by the parameter of our own contact among all that the server has."""
        mine = header.uri(self._contact)
        for contact in response.all("contact"):
            if _same(header.uri(contact), mine):
                expires = header.param(contact, "expires")
                if expires and expires.isdigit():
                    return int(expires[:9])
        expires = response.number("expires")
        return self._expires_s if expires is None else expires

    def _learn(self, response):
        """Takes over the address that the server saw us at. True if it is a new one."""
        via = response.get("via")
        host = header.param(via, "received")
        port = header.param(via, "rport")
        transport = self.agent.transport
        if not host or not port or not port.isdigit() or not 0 < int(port) < 65536:
            return False
        seen = (host, int(port))
        if seen == (transport.public or (transport.host, transport.port)):
            return False
        transport.public = None if seen == (transport.host, transport.port) else seen
        return True

    def _redirect(self, response):
        """Takes the 3xx's first Contact as registrar (21.3), a few times at most."""
        uri = header.uri(response.get("contact"))
        self._redirects += 1
        if not uri or self._redirects > _REDIRECTS:
            return False
        self._dialog.target = uri
        return True

    def _longer(self, response):
        least_s = response.number("min-expires")
        if not least_s or not self._expires_s < least_s <= _DAY_S:
            return False
        self._expires_s = least_s
        return True

    def _on_failure(self, response):
        hopeless = response.status in (401, 407) or response.status in (403, 404)
        if self._was_registered and response.status in (403, 404):
            hopeless = False  # the server knew us once: it may again
        if hopeless:
            self._enter(REFUSED, response)
            return
        self._dialog.target = self._home
        self._redirects = 0
        wait_ms = min(self.retry_ms << min(self._failures, 8), max(_RETRY_MOST_MS, self.retry_ms))
        self._failures += 1
        wait_ms -= int(net.token(2), 16) * (wait_ms // 2) // 65536
        asked_s = response.number("retry-after")
        if asked_s:
            wait_ms = min(asked_s, _DAY_S) * 1000
        self._enter(WAITING, response)
        self._again(wait_ms)

    def _again(self, ms):
        self.agent.plan.drop(self._due)
        self._due = self.agent.plan.after(ms, self.start)

    def _keep(self, address):
        def keep():
            if self.state == REGISTERED:
                self.agent.transport.keep_alive(address)
                self._keep(address)

        self.agent.plan.drop(self._kept)
        self._kept = self.agent.plan.after(self.keep_alive_ms, keep)

    def _enter(self, state, response=None):
        changed = state != self.state
        self.state = state
        self.status = response.status if response else 0
        self.reason = response.reason if response else ""
        if changed:
            self.agent.registration_changed(self)


def _same(uri, other):
    """Whether two contacts are one, as far as user, host and port tell."""
    try:
        return (
            header.uri_host_port(uri) == header.uri_host_port(other)
            and uri.rpartition("@")[0].lower() == other.rpartition("@")[0].lower()
        )
    except ValueError:
        return False
