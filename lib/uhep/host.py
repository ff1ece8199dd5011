# Part of uhep, MIT licence.
"""What CPython lacks. Not imported on MicroPython, and not installed there."""

from ssl import SSLWantReadError, SSLWantWriteError
from time import monotonic_ns

_LATER = (BlockingIOError, SSLWantReadError, SSLWantWriteError)


def ticks_ms():
    return monotonic_ns() // 1000000 & 0x3FFFFFFF


def ticks_us():
    return monotonic_ns() // 1000 & 0x3FFFFFFF


def ticks_add(t, d):
    return t + d & 0x3FFFFFFF


def ticks_diff(a, b):
    return (a - b + 0x20000000 & 0x3FFFFFFF) - 0x20000000


def const(x):
    return x


def writer(sock):
    """A write(buf, at, n) for a socket that has only send: None when it would block."""

    def write(buf, at, n):
        try:
            return sock.send(memoryview(buf)[at : at + n])
        except _LATER:
            return None

    return write


def reader(sock):
    """A readinto(buf) for a socket that has only recv_into: None when it would block."""

    def readinto(buf):
        try:
            return sock.recv_into(buf)
        except _LATER:
            return None

    return readinto


def context(config):
    """The ssl.SSLContext for a TlsLink. Raises OSError or ValueError for unfit files."""
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if config["tls_ca"]:
        from uhep.tls import der

        made.load_verify_locations(cadata=b"".join(der(config["tls_ca"])))
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if config["tls_cert"]:
        made.load_cert_chain(config["tls_cert"], config["tls_key"])
    return made


def shaken(sock, pin):
    """Go on with the handshake: True when it is done. Raises OSError, ValueError."""
    try:
        sock.do_handshake()
    except _LATER:
        return False
    if pin:
        from uhep.tls import digest

        if digest(sock.getpeercert(True)) != pin:
            raise ValueError("the certificate is not the one of tls_pin")
    return True


def move(self, at, src, i, n):
    """Mover.move, where a slice store costs only what it copies."""
    if i < n:
        self._to[at : at + n - i] = src[i:n]
