"""rtpengine: relays the media of a call and sends its RTCP as JSON in HEP."""

import re
import socket
from contextlib import ExitStack, contextmanager

from uhep_tools.ports import free_block, free_port

from peers import ng
from peers.program import running

CAPTURE_ID = 2301
_PORTS = 40  # for RTP


@contextmanager
def rtpengine(folder, collector, transport="udp"):
    """rtpengine sending HEP to port `collector`. Yields the port of its control protocol."""
    port = free_port()
    media = free_block(_PORTS)
    args = [
        *("rtpengine", "--foreground", "--log-stderr", "--config-file=none", "--table=-1"),
        *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{port}", "--num-threads=2"),
        *(f"--port-min={media}", f"--port-max={media + _PORTS - 1}", "--log-level=6"),
        *(f"--homer=127.0.0.1:{collector}", f"--homer-protocol={transport}"),
        *(f"--homer-id={CAPTURE_ID}", f"--pidfile={folder / 'rtpengine.pid'}"),
    ]
    with running(args, folder, [("udp", port)]):
        yield port


class Party:
    """One end of a call: a pair of sockets, and where rtpengine takes its media."""

    def __init__(self, stack):
        base = free_block(2)
        self.sockets = []
        for port in base, base + 1:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind(("127.0.0.1", port))
            sock.settimeout(5)
            self.sockets.append(sock)
        self.rtp_port, self.rtcp_port = base, base + 1
        self.relay = 0  # rtpengine's RTP port for this party; RTCP is one above

    def sdp(self):
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.rtp_port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )

    def send_rtp(self, packet):
        self.sockets[0].sendto(packet, ("127.0.0.1", self.relay))

    def send_rtcp(self, packet):
        self.sockets[1].sendto(packet, ("127.0.0.1", self.relay + 1))

    def receive_rtp(self):
        return self.sockets[0].recv(2048)

    def receive_rtcp(self):
        return self.sockets[1].recv(2048)


@contextmanager
def call(control, call_id):
    """An answered call through rtpengine, as its two parties; deleted after the block."""
    tags = {"call_id": call_id, "from_tag": "caller"}
    with ExitStack() as stack:
        caller, callee = Party(stack), Party(stack)
        offer = ng.ask(control, command="offer", sdp=caller.sdp(), **tags)
        callee.relay = _media_port(offer["sdp"])
        answer = ng.ask(control, command="answer", sdp=callee.sdp(), to_tag="callee", **tags)
        caller.relay = _media_port(answer["sdp"])
        yield caller, callee
        ng.ask(control, command="delete", **tags)


def _media_port(sdp):
    return int(re.search(r"^m=audio (\d+) ", sdp, re.M)[1])
