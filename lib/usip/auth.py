"""Digest credentials: MD5 and SHA-256, qop auth or none (RFC 3261 22, RFC 7616, RFC 8760).

Imported when somebody asks for credentials.
"""

import binascii
import hashlib

from micropython import const

from usip import header, message, net

_MAX_TRIES = const(4)  # of one request: two proxies, a stale nonce, one to spare
_MAX_REALMS = const(3)
_FIRST = const("00000001")  # the count of a nonce's first use


def _hash(algorithm):
    """The hash function's name for hashlib, or None for an algorithm that we do not have."""
    return {"": "md5", "MD5": "md5", "SHA-256": "sha256"}.get(
        algorithm.upper().replace("-SESS", "")
    )


def _hex(name, text):
    new = getattr(hashlib, name, None)
    if not new:  # a port without TLS has no MD5
        from usip.md5 import md5 as new
    return binascii.hexlify(new(text.encode()).digest()).decode()


class Challenge:
    """What one realm wants, and how often its nonce has been used."""

    def __init__(self, params, proxy):
        self.realm = params.get("realm", "")
        self.nonce = params.get("nonce", "")
        self.opaque = params.get("opaque")
        self.algorithm = params.get("algorithm", "")
        self.stale = params.get("stale", "").lower() == "true"
        offered = [each.strip().lower() for each in params.get("qop", "").split(",")]
        self.qop = "auth" if "auth" in offered else ""
        # auth-int alone is not for us.
        self.usable = bool(_hash(self.algorithm)) and (bool(self.qop) or offered == [""])
        self.proxy = proxy
        self.count = 0

    def credentials(self, request, user, password):
        """The value of the Authorization field for a request. A nonce is counted by this."""
        self.count += 1
        name = _hash(self.algorithm)
        client, count = net.token(8), "%08x" % self.count
        secret = _hex(name, "%s:%s:%s" % (user, self.realm, password))
        if self.algorithm.upper().endswith("-SESS"):
            secret = _hex(name, "%s:%s:%s" % (secret, self.nonce, client))
        what = _hex(name, "%s:%s" % (request.method, request.uri))
        middle = [self.nonce]
        if self.qop:
            middle += [count, client, self.qop]
        value = 'Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"' % (
            _escape(user),
            _escape(self.realm),
            _escape(self.nonce),
            request.uri,
            _hex(name, ":".join([secret] + middle + [what])),
        )
        if self.algorithm:
            value += ", algorithm=" + self.algorithm
        if self.opaque is not None:
            value += ', opaque="%s"' % _escape(self.opaque)
        if self.qop:
            value += ', qop=auth, nc=%s, cnonce="%s"' % (count, client)
        return value


def _escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def challenges(response):
    """The first usable Challenge of each realm of a 401 or 407, in order."""
    found = []
    for field in ("www-authenticate", "proxy-authenticate"):
        for value in response.all(field):
            for params in _parse(value):
                challenge = Challenge(params, field[0] == "p")
                if challenge.usable and not _of(found, challenge):
                    found.append(challenge)
    return found[:_MAX_REALMS]


def _parse(value):
    """The parameters, as dicts, of each Digest challenge in a field value."""
    found = []
    params = None
    for part in header.split(value):
        scheme, space, rest = part.partition(" ")
        if space and "=" not in scheme:
            params = None
            if scheme.lower() == "digest":
                params = {}
                found.append(params)
            part = rest.strip()
        name, equals, text = part.partition("=")
        if params is not None and equals:
            params[name.strip().lower()] = header.unquote(text.strip())
    return found


def _of(known, challenge):
    for each in known:
        if each.realm == challenge.realm and each.proxy == challenge.proxy:
            return each
    return None


def _field(challenge):
    return "proxy-authorization" if challenge.proxy else "authorization"


def _carried(request, challenge):
    """The parameters of the credentials that a request had for a realm, or None."""
    for value in request.all(_field(challenge)):
        for params in _parse(value):
            if params.get("realm") == challenge.realm:
                return params
    return None


def attach(request, user, password):
    """Gives a request the credentials that its dialog is known to need."""
    for challenge in request.dialog.challenges:
        request.add(_field(challenge), challenge.credentials(request, user, password))


def again(request, response, user, password):
    """A request to send after a 401 or 407 to `request`; None if that would be no use.

    That is: credentials made of a nonce that had just come were not good enough, which means
    a wrong user or password, or we are asked for something we do not have. What counts is what
    this request carried: others of its dialog may have learnt a nonce meanwhile.
    """
    dialog = request.dialog
    wanted = challenges(response)
    if not dialog or not wanted or request.tries >= _MAX_TRIES:
        return None
    for challenge in wanted:
        carried = _carried(request, challenge)
        if carried and not challenge.stale:
            fresh = request.tries and carried.get("nc", _FIRST) == _FIRST
            if fresh or carried.get("nonce") == challenge.nonce:
                return None
        used = _of(dialog.challenges, challenge)
        if used and used.nonce == challenge.nonce:
            continue  # its count goes on
        if used:
            dialog.challenges.remove(used)
        dialog.challenges = dialog.challenges[1 - _MAX_REALMS :] + [challenge]
    dialog.seq = max(dialog.seq, request.seq) + 1
    new = message.Message(request.method, request.uri)
    new.dialog, new.hop, new.body = dialog, request.hop, request.body
    new.tries = request.tries + 1
    for name, value in request.fields:
        if name == "cseq":
            value = "%d %s" % (dialog.seq, request.method)
        if name not in ("via", "authorization", "proxy-authorization", "content-length"):
            new.add(name, value)
    attach(new, user, password)
    return new
