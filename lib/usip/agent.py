"""A SIP user agent that places and answers calls, and registers (RFC 3261)."""

import time

from usip import call, dialog, header
from usip.inbound import Inbound
from usip.layer import Transactions
from usip.plan import Plan


class UserAgent(Inbound):
    """The SIP end of a device: one Transport, and a line for each call it can hold.

    `transport` is a Transport, `lines` a list of Media, `user` the user part of its
    address. `on_state(call)` hears of every change of a call's state; a call that comes in
    is first heard of as `ringing`, and the device calls its answer() or hang_up(). `clock`
    has ticks_ms, ticks_add and ticks_diff, as `time` does.

    Nothing here waits, and there is no thread: the device calls poll() from its own loop,
    every few milliseconds for the sake of RTP.

    What else a device may set:

    `account`: an Account, for From, the outbound proxy and credentials; register() needs it.
    `on_event(name, subject, value)` hears what is no change of state:
      "registration", the Registration, its state;
      "holding", call, whether we hold the peer; "held", call, whether it holds us;
      "modified", call, the status that refused what we wanted to change;
      "dtmf", call, (digit, ms), by INFO; "info", call, (content type, body) of any other;
      "transfer", call, the status of a transfer of ours as it goes on;
      "transferring", call, the Call that takes its place since the peer wants it;
      "message-waiting", None, (whether, new, old).
    `log(call_id, text)` hears one line for each transition of a call or the registration.
    `rtp_stat(call)` gives the value of X-RTP-Stat for a BYE and its answer, or None.
    `session_s` is the Session-Expires that we ask for (0: only what the peer asks for),
    `min_session_s` the least that we take. `transfers` is False to refuse REFER. `busy` is True
    to refuse every call (486), whatever lines are free.

    `faults` counts what came, or was due, and could not be dealt with: an error of ours, which
    the log tells, and poll() goes on.
    """

    def __init__(self, transport, lines, user, on_state, clock=time, on_event=None, log=None):
        self.transport = transport
        self.transactions = Transactions(transport, self, clock)
        self.plan = Plan(clock, self.on_fault)
        self.calls = []
        self.account = None
        self.registration = None
        self.on_event = on_event
        self.log = log
        self.rtp_stat = None
        self.session_s = 0
        self.min_session_s = 90
        self.transfers = True
        self.busy = False
        self.faults = 0
        self.subscriptions = []  # those that hear NOTIFY: on_notify(server)
        self._lines = lines
        self._user = user
        self._on_state = on_state

    def call(self, uri, direct=False):
        """Calls a `sip:` URI; the Call. `direct`: past the outbound proxy.

        ValueError if it is no such URI, RuntimeError if every line is taken.
        """
        header.uri_host_port(uri)
        media = self.free_line()
        if not media:
            raise RuntimeError("every line is taken")
        placed = self.place(uri, media, direct=direct)
        placed.start()
        return placed

    def place(self, uri, media, fields=(), direct=False):
        """A Call to be started, on a line that is free. Its INVITE has more `fields`."""
        from usip.outgoing import Outgoing

        placed = Outgoing(self, media, uri, self.begin(uri, direct))
        placed.fields = fields
        self.calls.append(placed)
        return placed

    def register(self, expires_s=3600):
        """Registers the account; the Registration. ValueError if there is no account."""
        from usip.register import Registration

        if not self.account:
            raise ValueError("there is no account to register")
        self.registration = Registration(self, self.account, expires_s)
        if self.transport.tcp:
            self.transport.tcp.on_lost = self.registration.on_lost
        self.registration.start()
        return self.registration

    def publish(self, uri, event, content_type, body, done):
        """Sends `body` to `uri` as PUBLISH (RFC 3903), once; done(status) hears what came of it.

        ValueError if it is no sip: URI.
        """
        from usip.notify import publish

        publish(self, uri, event, content_type, body, done)

    def watch_mailbox(self, expires_s=3600):
        """Subscribes to message-summary of the account (RFC 3842); a Subscription."""
        from usip.notify import Mailbox

        return Mailbox(self, expires_s)

    def moved(self, host):
        """The device has another address now, `host`: registers that."""
        self.transport.host = host
        for media in self._lines:
            media.host = host
        if self.registration:
            self.registration.moved()
        for each in list(self.calls):
            each.moved()

    def poll(self):
        """One slice of work: the RTP that is due, one SIP message, timers. True if one came."""
        for media in self._lines:
            media.stream.poll()
        self.plan.poll()
        return self.transactions.poll()

    def on_fault(self, error):
        """The last guard: no message may end the device. What came, or was due, is given up,
        and with it a call that it had only begun."""
        self.faults += 1
        self.transactions.forget()  # most often the heap is full
        self.calls = [each for each in self.calls if each.state]
        if self.log:
            self.log("", "given up what came or was due, by a fault of ours: %r" % (error,))

    def begin(self, uri, direct=False):
        """The Dialog that a first request to `uri` may make."""
        account = self.account
        local = "<%s>" % account.uri if account else self.contact()
        routes = account.routes if account and not direct else ()
        return dialog.begun(self.transport.host, local, uri, routes)

    def contact(self):
        account = self.account
        return self.transport.contact(account.user if account else self._user)

    def send(self, request, user):
        """Sends a request of a Dialog; `user` as for Transactions.request()."""
        if request.dialog.challenges and self.account:
            from usip import auth

            auth.attach(request, self.account.auth_user, self.account.password)
        return self.transactions.request(request, user)

    def on_challenge(self, client, response):
        """Sends a request again with credentials; False if that would be no use."""
        if not self.account or not self.account.password or client.given_up:
            return False
        from usip import auth

        account = self.account
        request = auth.again(client.request, response, account.auth_user, account.password)
        if request:
            self.transactions.request(request, client.user)
        return request is not None

    def describe(self, message):
        """Adds what a message that makes or changes a dialog says of us; returns it."""
        message.add("contact", self.contact())
        message.add("allow", self.allow)
        message.add("supported", "timer")
        return message

    def changed(self, changed):
        """A call has come to another state."""
        if changed.state == call.ENDED and changed in self.calls:
            self.calls.remove(changed)
        if self.log:
            self.log(changed.dialog.call_id, changed.told())
        self._on_state(changed)

    def event(self, name, subject, value):
        if self.log and isinstance(subject, call.Call):
            if name in ("holding", "held"):
                said = ("" if value else "no longer ") + name
                said += " by the peer" if name == "held" else ""
            else:
                said = "%s %s" % (name, value)
            self.log(subject.dialog.call_id, "%s: %s" % (subject, said))
        if self.on_event:
            self.on_event(name, subject, value)

    def registration_changed(self, changed):
        if self.log:
            why = "%d %s" % (changed.status, changed.reason) if changed.status else ""
            text = "registration of %s: %s" % (changed.account.uri, changed.state)
            self.log(changed.call_id, text + (" (%s)" % why if why else ""))
        self.event("registration", changed, changed.state)

    def free_line(self):
        """A Media that no call has, or None."""
        taken = [each.media for each in self.calls if not each.left]
        for media in self._lines:
            if media not in taken:
                return media
        return None
