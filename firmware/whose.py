"""Which call a media port belongs to, as session descriptions told it (RFC 4566, RFC 3605)."""

from micropython import const
from uhep.flow import address
from usip.lines import Lines

_PORTS = const(32)


class Whose:
    """The Call-IDs of the last 32 ports that RTCP was announced for."""

    def __init__(self):
        self._ports = []  # (address in octets, port, Call-ID)

    def find(self, host, port):
        """The Call-ID (bytes) for an address (octets) and port, or None."""
        for each in self._ports:
            if each[1] == port and each[0] == host:
                return each[2]
        return None

    def learn(self, buf, n):
        """Takes the ports of a SIP message buf[:n]. Raises nothing."""
        if buf.find(b"\nm=", 0, n) < 0:
            return
        try:
            message = Lines(bytes(buf[:n]))
            call = message.get("call-id")
            for host, port in _rtcp(message.body):
                self._keep(address(host), port, call.encode())
        except (ValueError, IndexError, AttributeError):  # none, or none that we understand
            pass

    def _keep(self, host, port, call):
        self._ports = [each for each in self._ports if each[:2] != (host, port)][1 - _PORTS :]
        self._ports.append((host, port, call))


def _rtcp(body):
    """[(host, port)] where a description wants its RTCP, and where it may come muxed."""
    session = host = ""
    found = []
    port = 0
    for line in body.decode().split("\n"):
        words = line[2:].split()
        if line[:2] == "m=":
            port = int(words[1])
            host = session
            if port:
                found.append([host, port + 1])
        elif line[:2] == "c=":
            if found:
                host = words[2].split("/")[0]
                found[-1][0] = host
            else:
                session = words[2].split("/")[0]
        elif line[:7] == "a=rtcp:" and found:
            words = line[7:].split()
            found[-1][1] = int(words[0])
            if len(words) > 3:
                found[-1][0] = words[3]
        elif line.strip() == "a=rtcp-mux" and found:
            found.append([found[-1][0], port])
    return [(host, port) for host, port in found]
