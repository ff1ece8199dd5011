"""Events: the lamp for waiting messages, and PUBLISH (RFC 6665, RFC 3842, RFC 3903).

Imported when one is used or comes.
"""

from micropython import const

from usip import header

_EXPIRES_MS = const(500)  # of each second: renewed at half
_RETRY_MS = const(300000)
_DAY_S = const(86400)


class _Publication:
    def __init__(self, done):
        self._done = done

    def on_sent(self, client):
        pass

    def on_response(self, client, response):
        if response.status >= 200 and self._done:
            self._done(response.status)


def publish(agent, uri, event, content_type, body, done):
    """Sends a PUBLISH that is not to be kept; done(status) hears its end."""
    header.uri_host_port(uri)
    request = agent.begin(uri).request("PUBLISH")
    request.add("event", event)
    request.add("expires", "0")
    request.put(content_type, body)
    agent.send(request, _Publication(done))


class Mailbox:
    """A subscription to message-summary of the account, renewed at half of what was granted.

    "message-waiting" events tell what comes of it. `state` is "asking", "active", or "off".
    """

    def __init__(self, agent, expires_s):
        if not agent.account:
            raise ValueError("there is no account to watch")
        self.agent = agent
        self.state = "asking"
        self._expires_s = expires_s
        self._due = None
        agent.subscriptions.append(self)
        self._begin()

    def _begin(self):
        self.dialog = self.agent.begin(self.agent.account.uri)
        self._send(self._expires_s)

    def _send(self, expires_s):
        request = self.agent.describe(self.dialog.request("SUBSCRIBE"))
        request.add("event", "message-summary")
        request.add("accept", "application/simple-message-summary")
        request.add("expires", "%d" % expires_s)
        self.agent.send(request, self)

    def stop(self):
        """Takes the subscription back."""
        self.agent.plan.drop(self._due)
        if self.state == "active":
            self._send(0)
        self.state = "off"
        self.agent.subscriptions.remove(self)

    def on_sent(self, client):
        pass

    def on_response(self, client, response):
        if response.status < 200 or self.state == "off":
            return
        if response.status < 300:
            self.dialog.confirm(response)
            self._granted(response.number("expires") or self._expires_s)
        elif response.status == 489 or response.status in (401, 403, 404, 405, 407):
            self.stop()
        else:
            self._restart(_RETRY_MS)

    def _granted(self, seconds):
        self.state = "active"
        self._later(min(seconds, _DAY_S) * _EXPIRES_MS, self._renew)

    def _renew(self):
        self._send(self._expires_s)

    def _restart(self, ms):
        self.state = "asking"
        self._later(ms, self._begin)

    def _later(self, ms, what):
        self.agent.plan.drop(self._due)
        self._due = self.agent.plan.after(ms, what)

    def owns(self, request):
        """A NOTIFY may come before the 2xx that makes the dialog (RFC 6665 4.4.1)."""
        if request.get("call-id") != self.dialog.call_id:
            return False
        return header.param(request.get("to"), "tag") == header.param(self.dialog.local, "tag")

    def on_notify(self, request):
        state = request.get("subscription-state").split(";", 1)[0].strip().lower()
        if state == "terminated" and self.state == "active":
            self._restart(_RETRY_MS)


def notified(agent, server):
    """A NOTIFY outside of calls: message-summary, subscribed to or not. No other is known."""
    request = server.request
    package = request.get("event").split(";", 1)[0].strip().lower()
    subscription = None
    for each in agent.subscriptions:
        if each.owns(request):
            subscription = each
    if header.param(request.get("to"), "tag") is not None and not subscription:
        server.reply(481)
        return
    if package != "message-summary":
        response = server.response(489)
        response.add("allow-events", "message-summary")
        server.send(response)
        return
    server.reply(200)
    if subscription:
        subscription.on_notify(request)
    found = _summary(header.text(request.body))
    if found:
        agent.event("message-waiting", None, found)


def _summary(text):
    """(whether messages wait, new, old) of a message-summary; None if it does not say."""
    waiting = None
    new = old = 0
    for line in text.replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        name = name.strip().lower()
        if name == "messages-waiting":
            waiting = value.strip().lower() == "yes"
        elif name == "voice-message":
            counts = value.split("(", 1)[0].strip().split("/")
            if len(counts) == 2 and counts[0].isdigit() and counts[1].isdigit():
                new, old = int(counts[0][:6]), int(counts[1][:6])
    return None if waiting is None else (waiting, new, old)
