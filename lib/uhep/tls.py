# Part of uhep, MIT licence.
"""HEP packets over TLS."""

import sys
from errno import ECONNRESET, ETIMEDOUT

from uhep.port import const, ticks_ms
from uhep.tcp import TcpLink

_COUNT = const(3)


class TlsLink(TcpLink):
    """A TLS connection to one collector, which has to prove who it is. See TcpLink.

    With `tls_ca` its certificate must be valid now, be signed by that authority and bear the
    name `tls_name` (or that of capture_address). As that needs the time, no connection is
    tried before the clock is set. With `tls_pin` the SHA-256 of its certificate must be that
    one, and its dates and name do not matter; with both, all must be right. Whoever does not
    pass is refused, `status` says why, and it is tried again later; not a packet is sent.

    The handshake does not wait for the collector, but its arithmetic is done in one call of
    `open`: about half a second on an ESP32. MicroPython does not tell when it is over, so
    while nothing is to be sent the link stays at "handshake".

    Memory: as TcpLink, and what the TLS library takes outside of MicroPython's heap: 25 KB a
    session on an ESP32. Sending a packet allocates nothing on MicroPython's heap.
    """

    def __init__(self, address, config, agent, ticks=ticks_ms):
        super().__init__(address, config, agent, ticks)
        self._agent = agent
        self._config = {k: config[k] for k in config if k[:4] == "tls_"}
        self._pin = config["tls_pin"].replace(":", "").lower()
        self._context = None
        self._tcp = None
        self._why = None
        # Octets of the next packet that went already, and that the caller of `write` does not
        # know of; or, as -1, one that the caller was told of, and that has not gone.
        self._ahead = 0

    def open(self):
        """As of UdpLink. Not even a name is looked up before there is the time, if that counts."""
        if self._config["tls_ca"] and not self._agent.clock.is_set:
            self.status = "waiting for the time"
            return False
        return super().open()

    def _ready(self):
        if not self.shaking:
            self._tcp = self.sock
            self.sock = self._tls(self._tcp)
            self._wrap(self.sock)
            self.status = "handshake"
            self.shaking = True
            self._begun = self._ticks()
        if not self._shaken():
            if not self._waiting():
                self._begun = self._ticks()
            elif self._over(self._begun, self._stall_ms):
                raise OSError(ETIMEDOUT, "no TLS")
            return False
        self._stream = self._raw
        self.use(self.sock)
        self.shaking = False
        self._raw = self._exactly
        return True

    def _tls(self, sock):
        if self._context is None:
            if sys.implementation.name == "micropython":
                self._context = context(self._config, self._pin and self._check)
            else:
                from uhep.host import context as make

                self._context = make(self._config)
        name = self._config["tls_name"] or self.address.rsplit(":", 1)[0].strip("[]")
        return self._context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)

    def _check(self, cert, depth):
        # mbedTLS asks this about each certificate; 0 is the collector's own. Must not raise.
        if depth == 0 and digest(cert) != self._pin:
            self._why = "the certificate is not the one of tls_pin"
            return -1
        return 0

    def _shaken(self):
        if sys.implementation.name != "micropython":
            from uhep.host import shaken

            return shaken(self.sock, self._pin)
        if self._read(self._in) == 0:  # does what can be done of the handshake
            raise OSError(ECONNRESET, "closed by the collector")
        if self._waiting() and self._raw(b"H", 0, 1):  # each packet's first octet
            self._ahead = 1
            return True
        return False

    def _waiting(self):
        spool = getattr(self._agent, "spool", None)  # see Outage
        return self._ring.st[_COUNT] or spool and spool.waiting

    def _exactly(self, buf, at, n):
        # When the network takes nothing, the TLS library has taken a part all the same, and
        # wants the same octets the next time. Claiming one of them keeps the packet in place.
        at += self._ahead
        sent = self._stream(buf, at, n - self._ahead)
        if sent:
            sent += self._ahead
            self._ahead = 0
        elif self._ahead >= 0 and n > 1:
            self._ahead -= 1
            sent = 1
        return sent

    def close(self):
        """Close the connection; `open` makes another."""
        super().close()
        if self._tcp:
            self._tcp.close()
        self._tcp = None
        self.shaking = False
        self._ahead = 0

    def broken(self, why):
        """Close the connection for a time, and say what mbedTLS does not."""
        super().broken(self._why or " ".join(str(why).split()))
        self._why = None


def digest(cert):
    """SHA-256 of a certificate (DER) in 64 lower-case hex digits."""
    from binascii import hexlify
    from hashlib import sha256

    return hexlify(sha256(cert).digest()).decode()


def der(path):
    """The PEM or DER file `path` as a list of DER structures. Raises OSError, ValueError."""
    from binascii import a2b_base64

    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError:  # MicroPython's does not name it
        raise OSError(path + " can not be read")
    parts = data.split(b"-----BEGIN ")[1:]
    return [a2b_base64(part.split(b"-----")[1]) for part in parts] or [data]


def context(config, check):
    """MicroPython's TLS context. check: what to ask about each certificate, or a false value.

    Not by its `ssl` module: that switches verification off. Raises OSError or ValueError for
    unfit files.
    """
    try:
        import tls
    except ImportError:
        raise OSError("this build has no TLS")
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if config["tls_ca"]:
        made.verify_mode = tls.CERT_REQUIRED
        for one in der(config["tls_ca"]):
            made.load_verify_locations(one)
    else:
        made.verify_mode = tls.CERT_OPTIONAL if check else tls.CERT_NONE
    if check:
        made.verify_callback = check
    if config["tls_cert"]:
        made.load_cert_chain(der(config["tls_cert"])[0], der(config["tls_key"])[-1])
    return made
