"""A sniffer for Linux-based ATAs and routers: captures the SIP and RTCP of an interface.

It listens through a packet socket, which takes root.
"""

import json
import time

import port
from fragments import Fragments
from frames import Frames
from micropython import const
from packets import packets
from segments import Segments
from uhep import IN, RTCP, SIP, TCP, UDP
from uhep.ends import between
from uhep.flow import STRICT, address
from uhep.rtcp import Rtcp
from usip import net
from whose import Whose

_BURST = const(64)  # frames in one pass
_FRAGMENTS = const(4)
_LOOK_MS = const(100)


def run(settings, agent):
    """Sniffs until the settings say that it is done, then prints its counts as JSON.

    `agent` is the capture agent, or None: then there is nothing to do.
    """
    if not agent:
        return _stop("hep.json", "a sniffer needs it")
    try:
        sock, ethernet = packets(settings["interface"], settings["promiscuous"])
    except ValueError as error:
        return _stop("device.json", error)
    except OSError as error:
        return _stop(settings["name"], "can not listen, which takes root on Linux: %s" % error)
    try:
        sniffer = Sniffer(settings, agent, sock, ethernet)
    except ValueError as error:  # of Rtcp
        return _stop("hep.json", error)
    print("%s listens on %s" % (settings["name"], settings["interface"]))
    while sniffer.poll():
        port.poll()
        time.sleep_ms(1)
    print(json.dumps(sniffer.counts()))


def _stop(where, why):
    why = "%s: %s" % (where, why)
    if port.ON_BOARD:  # where it counts as a crash: after three the device is left in peace
        raise RuntimeError(why)
    print(why)


class Sniffer:
    """What is SIP or RTCP in the frames of a socket goes to the capture agent, each once.

    SIP is what begins as a SIP message does, on any port, or with `content` off on one of
    `ports`. A connection whose port is in `ports` is followed from its first segment on, any
    other from the first that begins with a start line. RTCP gets the Call-ID of the call whose
    session description named its port. What this device sends to its own collectors is passed
    over, and so is other people's HEP.

    Memory: one frame, 4 datagrams in fragments, `streams` directions of TCP, 32 ports.
    """

    def __init__(self, settings, agent, sock, ethernet=True, clock=time):
        self.settings = settings
        self.agent = agent
        self.frames = Frames(
            self, Fragments(_FRAGMENTS, settings["message_bytes"], clock), ethernet
        )
        self.segments = Segments(
            self._message, settings["streams"], settings["message_bytes"], clock
        )
        self.seen = {"frames": 0, "sip": 0, "rtcp": 0, "own": 0, "full": 0}
        self._fragments = self.frames.fragments
        self._rtcp = Rtcp(agent) if settings["rtcp"] else None
        self._whose = Whose()
        self._flows = {}
        self._own = _collectors(agent)
        self._clock = clock
        self._born = self._looked = clock.ticks_ms()
        self._sock = sock
        self._ready = net.ready(sock)

    def poll(self):
        """One pass of the device's loop. False when it has done what it was to do."""
        for _ in range(_BURST):
            if not self._ready():
                break
            frame = self._frame()
            if frame:
                self.take(frame)
        self.agent.poll()
        now = self._clock.ticks_ms()
        if self._clock.ticks_diff(now, self._looked) >= _LOOK_MS:
            self._looked = now
            self.segments.poll()
            self._fragments.poll()
        ends = self.settings["quit_after_ms"]
        return not ends or self._clock.ticks_diff(now, self._born) < ends

    def take(self, frame):
        """One frame, in octets. Raises nothing."""
        self.seen["frames"] += 1
        try:
            self.frames.take(frame, len(frame))
        except MemoryError:
            self.seen["full"] += 1

    def counts(self):
        """What the sniffer has to tell of itself, as a dict (its keys: firmware/README.md)."""
        counts = {
            "device": self.settings["name"],
            "interface": self.settings["interface"],
            "other": self.frames.other,
            "broken": self.frames.broken,
            "fragments_lost": self._fragments.lost,
            "gaps": self.segments.gaps,
            "heap_used": port.heap_used(),
            "capture": self.agent.stats(),
        }
        counts.update(self.seen)
        return counts

    def on_packet(self, proto, b, src, dst, width, at, end):
        """What Frames has found."""
        if end - at < 8:
            self.frames.broken += 1
            return
        sport = b[at] << 8 | b[at + 1]
        dport = b[at + 2] << 8 | b[at + 3]
        if dport in self._own and bytes(b[dst : dst + width]) in self._own[dport]:
            self.seen["own"] += 1
        elif proto == UDP:
            end = min(end, at + (b[at + 4] << 8 | b[at + 5] or end - at))
            self._datagram(b, src, dst, width, at + 8, end, sport, dport)
        elif end - at >= 20:
            self._segment(b, src, dst, width, at, end, sport, dport)

    def _datagram(self, b, src, dst, width, at, end, sport, dport):
        if end <= at:
            return
        first = b[at]
        if first & 0xC0 == 0x80:
            if self._rtcp and end - at >= 8 and 200 <= b[at + 1] <= 207:
                flow = self._flow(RTCP, UDP, b, src, dst, width, sport, dport)
                cid = self._whose.find(bytes(b[dst : dst + width]), dport)
                cid = cid or self._whose.find(bytes(b[src : src + width]), sport)
                data = bytes(b[at:end])
                self.seen["rtcp"] += bool(self._rtcp.capture(flow, IN, data, len(data), cid))
        elif first > 32 and self._wanted(sport, dport) and b[at : at + 4] != b"HEP3":
            flow = self._flow(SIP, UDP, b, src, dst, width, sport, dport)
            self._sip(flow, bytes(b[at:end]), end - at)

    def _segment(self, b, src, dst, width, at, end, sport, dport):
        begin = at + (b[at + 12] >> 4) * 4
        flags = b[at + 13]
        if begin < at + 20 or begin > end:
            self.frames.broken += 1
            return
        if not self._wanted(sport, dport) or begin == end and not flags & 7:
            return
        key = bytes(b[src : src + width]) + bytes(b[dst : dst + width]) + bytes(b[at : at + 4])
        data = bytes(b[begin:end])
        if not self.segments.knows(key) and not self._follow(data, sport, dport):
            return
        seq = b[at + 4] << 24 | b[at + 5] << 16 | b[at + 6] << 8 | b[at + 7]
        self.segments.take(key, seq, flags, data)

    def _follow(self, data, sport, dport):
        if data[:4] == b"HEP3":
            return False
        ports = self.settings["ports"]
        return sport in ports or dport in ports or self.agent._begins(data, len(data))

    def _wanted(self, sport, dport):
        ports = self.settings["ports"]
        return self.settings["content"] or sport in ports or dport in ports

    def _message(self, side, buf, n):
        # Of a stream: Segments has put it together.
        key = side.key
        width = len(key) // 2 - 2
        at = 2 * width
        sport, dport = key[at] << 8 | key[at + 1], key[at + 2] << 8 | key[at + 3]
        self._sip(self._flow(SIP, TCP, key, 0, width, width, sport, dport), buf, n)

    def _sip(self, flow, buf, n):
        if self.agent.capture(flow, IN, buf, n):
            self.seen["sip"] += 1
            if self._rtcp:
                self._whose.learn(buf, n)
            self.agent.poll()  # its ring holds few messages

    def _flow(self, kind, proto, b, src, dst, width, sport, dport):
        flow = self._flows.get((kind, proto, width))
        if not flow:
            ends = (bytes(width), 0), (bytes(width), 0)
            mode = STRICT if kind == SIP else None
            flow = self.agent.flow(ends[0], ends[1], proto, kind, (), mode)
            self._flows[(kind, proto, width)] = flow
        between(flow, b, src, dst, sport, dport)
        return flow

    def _frame(self):
        # Not readinto: MicroPython's goes on to read until the buffer is full.
        try:
            return self._sock.recv(self.settings["frame_bytes"])
        except OSError:  # the interface went down; it may come up again
            return None


def _collectors(agent):
    """{port: [addresses]} of the agent's collectors, those that are told as numbers."""
    found = {}
    for link in getattr(agent.link, "links", [agent.link]):
        host, _, number = getattr(link, "address", "").rpartition(":")
        try:
            found.setdefault(int(number), []).append(address(host.strip("[]")))
        except ValueError:
            pass
    return found
