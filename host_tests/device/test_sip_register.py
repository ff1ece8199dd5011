"""lib/usip: registration and credentials, with a registrar that does as a test tells it."""

from doubles import Clock, Network, Phone, raises
from usip import auth, header, message, parse
from usip.account import Account
from usip.md5 import md5

SERVER = ("192.0.2.5", 5060)


class Registrar:
    """Asks for credentials with the nonces it is given, and answers with what `answers` says.

    `expires_s` is what it grants. `silent`: it is away. `got` holds each request.
    """

    def __init__(self, password="secret", **account):
        self.clock = Clock()
        self.network = Network()
        self.sock = self.network.socket(*SERVER)
        self.phone = Phone(self.network, self.clock, "192.0.2.1")
        self.phone.agent.account = Account("201", "192.0.2.5", password, **account)
        self.log = []
        self.phone.agent.log = lambda call_id, text: self.log.append(text)
        self.got = []
        self.expires_s = 60
        self.silent = False
        self.nonce = "n1"
        self.challenge = 'Digest realm="pbx", nonce="%s", qop="auth,auth-int", algorithm=MD5'
        self.stale = ""
        self.asks = True
        self.answers = []  # functions that make the next answers of a request

    def run(self, ms):
        for _ in range(ms // 10):
            self.phone.poll()
            while self.sock.waiting:
                data, source = self.sock.waiting.pop(0)
                if not self.silent and data.strip():
                    self.take(parse.parse(data), source)
            self.clock.pass_ms(10)

    def take(self, request, source):
        if request.status or request.method == "ACK":
            return
        self.got.append(request)
        if self.answers:
            response = self.answers.pop(0)(request)
        elif self.asks and not self.authorized(request):
            response = message.reply(request, 401, "s")
            response.add("www-authenticate", self.challenge.replace("%s", self.nonce) + self.stale)
        else:
            response = self.ok(request)
        self.sock.sendto(response.encode(), source)

    def ok(self, request):
        response = message.reply(request, 200, "s")
        response.add("contact", "<sip:201@192.0.2.99>;expires=1000")
        contact = request.get("contact").split(";expires")[0]
        if request.number("expires"):
            response.add("contact", "%s;expires=%d" % (contact, self.expires_s))
        return response

    def authorized(self, request):
        value = request.get("authorization")
        given = {}
        for part in header.split(value.partition(" ")[2]):
            name, _, text = part.partition("=")
            given[name] = header.unquote(text)
        if given.get("nonce") != self.nonce:
            return False
        check = auth.Challenge({"realm": "pbx", "nonce": self.nonce}, False)
        digest = self.digest(request.method, given)
        assert check.usable and len(given["nc"]) == 8
        return given["response"] == digest

    def digest(self, method, given):
        # Written out once more, from RFC 7616 3.4.1.
        def h(text):
            return auth._hex("md5", text)

        secret = h("%s:pbx:secret" % given["username"])
        what = h("%s:%s" % (method, given["uri"]))
        return h(
            ":".join((secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], what))
        )

    def register(self, expires_s=60):
        registration = self.phone.agent.register(expires_s)
        self.run(100)
        return registration


def counts(requests):
    return [
        header.param("x;" + each.get("authorization").replace(",", ";"), "nc") for each in requests
    ]


def test_register():
    registrar = Registrar()
    registration = registrar.register()
    assert registration.state == "registered" and registration.granted_s == 60
    first, second = registrar.got
    assert first.method == "REGISTER" and first.uri == "sip:192.0.2.5"
    assert header.uri(first.get("to")) == header.uri(first.get("from")) == "sip:201@192.0.2.5"
    assert first.get("contact") == "<sip:201@192.0.2.1:5060>;expires=60"
    assert first.get("authorization") == "" and second.seq == first.seq + 1
    assert first.get("call-id") == second.get("call-id") and first.get("via") != second.get("via")
    assert registrar.log == [
        "registration of sip:201@192.0.2.5: registering",
        "registration of sip:201@192.0.2.5: registered (200 OK)",
    ]
    assert registrar.phone.events == [
        ("registration", "registering"),
        ("registration", "registered"),
    ]


def test_renewal_at_half_with_the_same_nonce():
    registrar = Registrar()
    registrar.register()
    registrar.run(65000)
    assert len(registrar.got) == 4  # at 0 (twice), 30 and 60 s: no more challenges
    assert counts(registrar.got[1:]) == ["00000001", "00000002", "00000003"]
    assert len(registrar.log) == 2  # a renewal is no news


def test_ten_cycles_of_five_seconds():
    registrar = Registrar()
    registrar.expires_s = 5
    registration = registrar.register(5)
    registrar.run(10 * 2500 + 100)
    assert len(registrar.got) == 12 and registration.state == "registered"


def test_stale_nonce():
    registrar = Registrar()
    registration = registrar.register()
    registrar.nonce, registrar.stale = "n2", ", stale=TRUE"
    registrar.run(31000)
    assert registration.state == "registered" and len(registrar.got) == 4
    registrar.nonce, registrar.stale = "n3", ""  # and where the server forgets to say so
    registrar.run(31000)
    assert registration.state == "registered" and len(registrar.got) == 6
    assert counts(registrar.got)[-1] == "00000001"


def test_always_stale_does_not_loop():
    registrar = Registrar()
    registrar.authorized = lambda request: False
    registrar.stale = ", stale=true"
    registration = registrar.register()
    assert registration.state == "refused" and len(registrar.got) == 5


def test_wrong_password_stops():
    registrar = Registrar("wrong")
    registration = registrar.register()
    assert registration.state == "refused" and registration.status == 401
    registrar.run(400000)
    assert len(registrar.got) == 2
    assert registrar.log[-1] == "registration of sip:201@192.0.2.5: refused (401 )"


def test_no_password():
    registrar = Registrar("")
    assert registrar.register().state == "refused" and len(registrar.got) == 1


def test_another_name_for_credentials():
    registrar = Registrar(auth_user='a"uth')
    assert registrar.register().state == "registered"
    assert 'username="a\\"uth"' in registrar.got[1].get("authorization")
    assert "sip:201@" in registrar.got[1].get("from")


def test_without_qop_and_with_opaque():
    registrar = Registrar()
    registrar.challenge = 'Digest opaque="o\\"p", realm="p", nonce="%s"'
    registrar.authorized = lambda request: 'opaque="o\\"p"' in request.get("authorization")
    assert registrar.register().state == "registered"
    value = registrar.got[1].get("authorization")
    assert "qop" not in value and "nc=" not in value and "algorithm" not in value


def test_challenge_that_is_not_for_us():
    for challenge in (
        'Basic realm="p"',
        'Digest realm="p", nonce="%s", algorithm=TOKEN',
        "x" * 50,
    ):
        registrar = Registrar()
        registrar.challenge = challenge
        assert registrar.register().state == "refused", challenge
        assert len(registrar.got) == 1


def test_the_better_of_two_challenges():
    registrar = Registrar()
    registrar.challenge = (
        'Basic realm="p", Digest realm="p", nonce="a", algorithm=SHA-512-256, '
        'Digest realm="p", nonce="a", algorithm=SHA-256, qop="auth", '
        'Digest realm="p", nonce="a", algorithm=MD5, qop="auth"'
    )
    registrar.authorized = lambda request: "SHA-256" in request.get("authorization")
    assert registrar.register().state == "registered"
    assert registrar.got[1].get("authorization").count("Digest") == 1


def test_digest_of_the_rfcs():
    """RFC 2617 3.5 and RFC 7616 3.9.1, with what is random taken out."""

    def response(algorithm, user, realm, password, nonce, cnonce, uri):
        secret = auth._hex(algorithm, "%s:%s:%s" % (user, realm, password))
        what = auth._hex(algorithm, "GET:" + uri)
        return auth._hex(algorithm, ":".join((secret, nonce, "00000001", cnonce, "auth", what)))

    assert (
        response(
            "md5",
            "Mufasa",
            "testrealm@host.com",
            "Circle Of Life",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            "0a4f113b",
            "/dir/index.html",
        )
        == "6629fae49393a05397450978507c4ef1"
    )
    for algorithm, expected in (
        ("md5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("sha256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        found = response(
            algorithm,
            "Mufasa",
            "http-auth@example.org",
            "Circle of Life",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "/dir/index.html",
        )
        assert found == expected


def test_md5_of_the_rfc():
    """RFC 1321 A.5"""
    import binascii

    for text, expected in (
        (b"", b"d41d8cd98f00b204e9800998ecf8427e"),
        (b"message digest", b"f96b697d7cb7938d525a2f31aaf161d0"),
        (b"1234567890" * 8, b"57edf4a22be3c955ac49da2e2107b67a"),
    ):
        assert binascii.hexlify(md5(text).digest()) == expected


def test_interval_too_brief():
    def brief(request):
        response = message.reply(request, 423, "s")
        response.add("min-expires", "120")
        return response

    registrar = Registrar()
    registrar.asks = False
    registrar.answers = [brief]
    registrar.expires_s = 120
    registration = registrar.register()
    assert registration.state == "registered" and registration.granted_s == 120
    assert [each.number("expires") for each in registrar.got] == [60, 120]
    registrar = Registrar()
    registrar.answers = [brief, brief]  # it wants what it was given
    assert registrar.register().state == "waiting"


def test_redirection():
    def moved(request):
        response = message.reply(request, 302, "s")
        response.add("contact", "<sip:192.0.2.5:5060;x=1>")
        return response

    registrar = Registrar()
    registrar.answers = [moved]
    assert registrar.register().state == "registered"
    assert registrar.got[1].uri == "sip:192.0.2.5:5060;x=1"
    registrar = Registrar()
    registrar.answers = [moved] * 10
    assert registrar.register().state == "waiting" and len(registrar.got) == 4


def test_outage():
    """The server is away for a minute: back-off, and all is well again."""
    registrar = Registrar()
    registration = registrar.register()
    registrar.silent = True
    registrar.run(63000)  # renewal at 30 s, given up at 62 s
    assert registration.state == "waiting" and registration.status == 408
    registrar.silent = False
    registrar.run(31000)
    assert registration.state == "registered"
    assert [line.rpartition(": ")[2] for line in registrar.log] == [
        "registering",
        "registered (200 OK)",
        "waiting (408 Request Timeout)",
        "registering",
        "registered (200 OK)",
    ]


def test_restart_of_a_server_that_forgets_the_nonce():
    registrar = Registrar()
    registration = registrar.register()
    registrar.nonce = "after"
    registrar.run(31000)
    assert registration.state == "registered" and len(registrar.got) == 4


def test_back_off():
    registrar = Registrar()
    registrar.answers = [lambda request: message.reply(request, 500, "s")] * 8
    times = []
    take = registrar.take

    def timed(request, source):
        times.append(registrar.clock.now)
        take(request, source)

    registrar.take = timed
    registrar.register()
    registrar.run(1700000)
    waits = [registrar.clock.ticks_diff(b, a) for a, b in zip(times, times[1:])][:7]
    for wait, most in zip(waits, (30, 60, 120, 240, 300, 300, 300)):
        assert most * 500 <= wait <= most * 1000 + 20, waits
    assert registrar.phone.agent.registration.state == "registered"


def test_retry_after():
    def later(request):
        response = message.reply(request, 503, "s")
        response.add("retry-after", "7 (soon);duration=9")
        return response

    registrar = Registrar()
    registrar.answers = [later]
    registration = registrar.register()
    assert registration.state == "waiting"
    registrar.run(6000)
    assert registration.state == "waiting"
    registrar.run(2000)
    assert registration.state == "registered"


def test_numbers_that_can_not_be():
    """Legal ones that are no small int, and nonsense: what is left is tried again as ever."""

    def of(status, name, value):
        def answer(request):
            response = message.reply(request, status, "s")
            response.add(name, value)
            return response

        return answer

    for value, granted_s in (("4294967295", 86400), ("abc", 60)):
        registrar = Registrar()
        registrar.answers = [of(200, "expires", value)]
        registration = registrar.register()
        assert registration.state == "registered" and registration.granted_s == granted_s
    for refusal in (
        of(503, "retry-after", "Fri, 26 Sep 2027 12:00:00 GMT"),
        of(423, "min-expires", "4294967295"),
        of(423, "min-expires", "abc"),
        of(302, "contact", "<sip:x@192.0.2.5:99999999999999999999>"),
    ):
        registrar = Registrar()
        registrar.answers = [refusal]
        registration = registrar.register()
        registrar.run(60000)
        assert registration.state == "registered", refusal
        assert registrar.phone.agent.faults == 0

    def nat(request):
        response = of(200, "expires", "60")(request)
        far = "received=192.0.2.7;rport=99999999999999999999"
        response.replace("via", request.get("via").replace("rport", far))
        return response

    registrar = Registrar()
    registrar.answers = [nat]
    assert registrar.register().state == "registered" and len(registrar.got) == 1
    assert registrar.phone.transport.public is None


def test_forbidden():
    registrar = Registrar()
    registrar.answers = [lambda request: message.reply(request, 403, "s")]
    assert registrar.register().state == "refused"
    registrar = Registrar()
    registration = registrar.register()
    registrar.answers = [lambda request: message.reply(request, 403, "s")]
    registrar.run(31000)
    assert registration.state == "waiting"  # it knew us once


def test_unregister():
    registrar = Registrar()
    registration = registrar.register()
    registration.stop()
    assert registration.state == "unregistering"
    registrar.run(100)
    assert registration.state == "off" and registrar.got[-1].number("expires") == 0
    assert registrar.got[-1].get("contact").endswith(";expires=0")
    sent = len(registrar.got)
    registrar.run(100000)
    assert len(registrar.got) == sent and registrar.phone.agent.transactions.idle
    registrar = Registrar()
    registrar.silent = True
    registration = registrar.register()
    registration.stop()
    registrar.run(100000)
    assert registration.state == "off" and registrar.log[-1].endswith(": off")


def test_unregister_before_the_first_answer():
    registrar = Registrar()
    registrar.silent = True
    registration = registrar.register()
    registrar.phone.poll()
    first = [data for _, to, data in registrar.network.log if to == SERVER][0]
    registration.stop()
    registrar.silent = False
    registrar.take(parse.parse(first), registrar.phone.sock.address)  # 401
    registrar.run(1000)
    assert registration.state == "off" and len(registrar.got) == 1

    registrar = Registrar()
    registrar.silent = True
    registration = registrar.register()
    first = [data for _, to, data in registrar.network.log if to == SERVER][0]
    registration.stop()
    registrar.silent = registrar.asks = False
    registrar.take(parse.parse(first), registrar.phone.sock.address)  # 200: it knows us now
    registrar.run(1000)
    assert [each.number("expires") for each in registrar.got] == [60, 0]
    assert registration.state == "off"


def test_challenge_to_what_a_newer_request_has_replaced():
    registrar = Registrar()
    registrar.silent = True
    registration = registrar.register()
    first = [data for _, to, data in registrar.network.log if to == SERVER][0]
    registration.start()
    registrar.silent = False
    registrar.run(100)
    assert registration.state == "registered" and len(registrar.got) == 2
    registrar.take(parse.parse(first), registrar.phone.sock.address)
    registrar.run(100)
    assert len(registrar.got) == 3


def test_network_change():
    registrar = Registrar()
    registration = registrar.register()
    registrar.phone.agent.moved("192.0.2.77")
    registrar.run(100)
    assert registrar.got[-1].all("contact") == [
        "<sip:201@192.0.2.77:5060>;expires=60",
        "<sip:201@192.0.2.1:5060>;expires=0",
    ]
    assert registration.state == "registered"
    registrar.run(31000)
    assert len(registrar.got[-1].all("contact")) == 1


def test_address_behind_nat():
    """What the server saw goes into Contact, once (RFC 3581, RFC 3261 18.2.1)."""

    def seen(request):
        request.replace(
            "via", request.get("via").replace("rport", "rport=6666;received=203.0.113.7")
        )
        return registrar.ok(request)

    registrar = Registrar()
    registrar.asks = False
    registrar.answers = [seen, seen]
    registration = registrar.register()
    assert registration.state == "registered" and len(registrar.got) == 2
    assert registrar.got[1].all("contact") == [
        "<sip:201@203.0.113.7:6666>;expires=60",
        "<sip:201@192.0.2.1:5060>;expires=0",
    ]
    call = registrar.phone.agent.call("sip:202@192.0.2.5")
    registrar.run(100)
    assert registrar.got[-1].get("contact") == "<sip:201@203.0.113.7:6666>"
    assert "192.0.2.1:5060" in registrar.got[-1].get("via") and call.dialog


def test_keep_alive():
    registrar = Registrar()
    registration = registrar.phone.agent.register(600)
    registration.keep_alive_ms = 25000
    registrar.expires_s = 600
    registrar.run(100)
    before = registrar.phone.transport.sent
    registrar.run(80000)
    crlf = [data for _, _, data in registrar.network.log if data == b"\r\n\r\n"]
    assert len(crlf) == 3 and registrar.phone.transport.sent == before


def test_outbound_proxy():
    registrar = Registrar(proxy="192.0.2.5:5060")
    registrar.phone.agent.account.domain = "pbx.invalid"
    registration = registrar.register()
    assert registration.state == "registered"
    assert registrar.got[0].get("route") == "<sip:192.0.2.5:5060;lr>"
    registrar.phone.agent.call("sip:202@elsewhere.invalid")
    registrar.run(100)
    assert registrar.got[-1].method == "INVITE"
    assert registrar.got[-1].get("route") == "<sip:192.0.2.5:5060;lr>"
    assert header.uri(registrar.got[-1].get("from")) == "sip:201@192.0.2.5"


def test_call_with_two_proxies_that_ask():
    """407 of one realm, then of another: both get credentials, and ACK has them as well."""

    def ask(realm):
        def answer(request):
            response = message.reply(request, 407, "s")
            response.add("proxy-authenticate", 'Digest realm="%s", nonce="1"' % realm)
            return response

        return answer

    def ok(request):
        response = message.reply(request, 200, "s")
        response.add("contact", "<sip:202@192.0.2.5:5060>")
        response.put("application/sdp", SDP)
        return response

    registrar = Registrar()
    registrar.asks = False
    registrar.answers = [ask("a"), ask("b"), ok]
    call = registrar.phone.agent.call("sip:202@192.0.2.5")
    registrar.run(100)
    assert call.state == "talking"
    invites = [each for each in registrar.got if each.method == "INVITE"]
    assert [len(each.all("proxy-authorization")) for each in invites] == [0, 1, 2]
    assert [each.seq for each in invites] == [1, 2, 3]
    sent = [parse.parse(data) for _, to, data in registrar.network.log if to == SERVER]
    acks = [each for each in sent if each.method == "ACK"]
    assert [each.seq for each in acks] == [1, 2, 3]
    assert acks[2].all("proxy-authorization") == invites[2].all("proxy-authorization")
    call.hang_up()
    registrar.run(100)
    assert len(registrar.got[-1].all("proxy-authorization")) == 2 and registrar.got[-1].seq == 4


def test_call_that_is_given_up_before_the_challenge():
    registrar = Registrar()
    call = registrar.phone.agent.call("sip:202@192.0.2.5")
    registrar.phone.poll()
    call.hang_up()
    registrar.run(1000)
    assert call.state == "ended" and len(registrar.got) == 1


def test_account_that_can_not_be():
    for wrong in (("", "d"), ("u", ""), ("a b", "d"), ("u", "<d>"), ("u", "d", "", "", "sip:")):
        raises(ValueError, Account, *wrong)
    phone = Phone(Network(), Clock(), "192.0.2.1")
    raises(ValueError, phone.agent.register)


SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n"
    b"m=audio 7000 RTP/AVP 0\r\n"
)
