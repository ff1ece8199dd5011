"""HTTP and HTTPS downloads in small steps, which never wait."""

import select

from micropython import const

_HEAD = 2048  # octets of a response's header at the most
_PATIENCE_MS = const(30000)  # without an octet
_PIECE = const(512)
_MOVES = const(3)  # redirections


class FetchError(Exception):
    """Why it does not come."""


class Fetch:
    """GETs a URL: `poll` returns the next octets of the body, b"" for "later", None at its end.

    find(host): its address, or None for "later" (uhep.dns). Raises FetchError and OSError. HTTP
    1.0, so that the body comes as it is. The certificate of HTTPS is not verified: what is
    fetched here is signed, and the time may not be known.
    """

    def __init__(self, url, find, socket, ticks):
        self._find = find
        self._socket = socket
        self._ticks = ticks
        self._moves = 0
        self._buf = bytearray(_PIECE)
        self._view = memoryview(self._buf)
        self._sock = None
        self._url(url)

    def poll(self):
        """One step."""
        if not 0 <= self._ticks.ticks_diff(self._ticks.ticks_ms(), self._heard) < _PATIENCE_MS:
            raise FetchError("nothing came for %d s" % (_PATIENCE_MS // 1000))
        if not self._sock:
            self._open()
            return b""
        if self._question:
            self._ask()
            return b""
        n = self._sock.readinto(self._buf)
        if n is None:
            return b""
        self._heard = self._ticks.ticks_ms()
        if not n:
            return self._ended()
        if self._left is not None and self._head is None:
            n = min(n, self._left)
            self._left -= n
        data = bytes(self._view[:n])
        return data if self._head is None else self._header(data)

    def close(self):
        if self._sock:
            self._sock.close()
            self._sock = None

    def _url(self, url):
        kind, _, rest = url.partition("://")
        kind = kind.lower()
        host, _, path = rest.partition("/")
        name, _, port = host.partition(":")
        if kind not in ("http", "https") or not (port or "0").isdigit():
            raise FetchError("no URL of http://host:port/ or https://")
        self._tls = kind == "https"
        self._path = path.partition("?")[0]
        self._host, self._port = name, int(port or (443 if self._tls else 80))
        self._question = b"GET /%s HTTP/1.0\r\nHost: %s\r\nUser-Agent: uhep\r\n\r\n" % (
            path.encode(),
            host.encode(),
        )
        self._head = b""
        self._left = None
        self._heard = self._ticks.ticks_ms()

    def _open(self):
        address = self._find(self._host)
        if not address:
            return
        info = self._socket.getaddrinfo(address, self._port, 0, self._socket.SOCK_STREAM)[0]
        self._sock = sock = self._socket.socket(info[0], info[1])
        sock.setblocking(False)
        self._ready = select.poll()
        self._ready.register(sock, select.POLLOUT)
        try:
            sock.connect(info[-1])
        except OSError as error:
            if error.errno not in (11, 115, 119):  # under way
                raise
        self._connected = False

    def _ask(self):
        if not self._connected:
            if not self._ready.poll(0):
                return
            self._connected = True
            if self._tls:
                import ssl

                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.verify_mode = ssl.CERT_NONE
                self._sock = context.wrap_socket(
                    self._sock, server_hostname=self._host, do_handshake_on_connect=False
                )
        n = self._sock.write(self._question)
        self._question = self._question[n or 0 :]

    def _header(self, data):
        self._head += data
        head, blank, body = self._head.partition(b"\r\n\r\n")
        if not blank:
            if len(self._head) > _HEAD:
                raise FetchError("the header of the answer has no end")
            return b""
        rows = head.split(b"\r\n")
        status = rows[0].split(b" ")[1] if b" " in rows[0] else b"?"
        fields = {}
        for row in rows[1:]:
            name, _, value = row.partition(b":")
            fields[name.lower()] = value.strip().decode()
        if status in (b"301", b"302", b"303", b"307", b"308") and b"location" in fields:
            return self._moved(fields[b"location"])
        if status != b"200":
            raise FetchError("the server says %s" % rows[0][:60].decode())
        self._head = None
        if fields.get(b"content-length", "").isdigit():
            self._left = int(fields[b"content-length"]) - len(body)
        return body

    def _moved(self, where):
        self._moves += 1
        if self._moves > _MOVES:
            raise FetchError("the server sends us in circles")
        self.close()
        if "://" not in where:
            if where[:1] != "/":  # beside what was asked for
                where = "/" + self._path[: self._path.rfind("/") + 1] + where
            s = "s" if self._tls else ""
            where = "http%s://%s:%d%s" % (s, self._host, self._port, where)
        self._url(where)
        return b""

    def _ended(self):
        if self._head is not None or self._left:
            raise FetchError("the connection was closed too early")
        return None
