"""The sniffer, in MicroPython, and tshark beside it on the same interface."""

import subprocess
from contextlib import contextmanager

from uhep_tools.hep import decode
from uhep_tools.sim import Device
from waiting import until

from peers.program import Program

# Of each message: both ends, start line, Call-ID, CSeq; of UDP also the octets.
_FIELDS = (
    *("ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "udp.srcport", "tcp.srcport", "udp.dstport"),
    *("tcp.dstport", "sip.Request-Line", "sip.Status-Line", "sip.Call-ID", "sip.CSeq"),
    "udp.payload",
)


@contextmanager
def sniffer(folder, interface, collector, **settings):
    device = Device(
        "sniffer",
        folder / f"sniffer-{interface}",
        device={"personality": "sniffer", "interface": interface, **settings},
        hep={"capture_address": f"127.0.0.1:{collector}", "capture_name": "sniffer"},
        heap="1M",
    )
    with device:
        until(lambda: any("listens" in line for line in device.lines), lambda: device.lines)
        yield device


@contextmanager
def tshark(folder, interface):
    """Writes what passes an interface. Yields the file."""
    pcap = folder / f"{interface}.pcap"
    program = Program(
        ["tshark", "-n", "-i", interface, "-w", pcap, "-F", "pcap"],
        folder,
        name=f"tshark-{interface}",
    )
    try:
        yield pcap
    finally:
        program.stop()


def of_sniffer(packets):
    """[(source, port, destination, port, start line, Call-ID, octets if UDP)] of HEP packets."""
    found = []
    for packet in map(decode, packets):
        if packet.type == 1:
            line = packet.payload.split(b"\r\n", 1)[0].decode(errors="replace")
            ends = (packet.src, packet.sport, packet.dst, packet.dport)
            payload = packet.payload.hex() if packet.proto == 17 else ""
            found.append((*ends, line, packet.cid.decode(), payload))
    return found


def of_tshark(pcap, ports):
    """The same of a file, as tshark dissects it with SIP on those ports."""
    rows = _read(pcap, ports, "sip && !icmp && !icmpv6", _FIELDS)
    found = []
    for row in rows:
        v4s, v6s, v4d, v6d, us, ts, ud, td, requests, answers, ids, _, payload = row
        ends = (v4s or v6s, int(us or ts), v4d or v6d, int(ud or td))
        lines = [line for line in (requests + "\x01" + answers).split("\x01") if line]
        ids = ids.split("\x01")
        assert len(lines) == len(ids), row
        found += [(*ends, line, cid, payload) for line, cid in zip(lines, ids, strict=True)]
    return found


def rtcp_of_tshark(pcap, ports):
    """How many datagrams of RTCP there are."""
    return len(_read(pcap, ports, "rtcp && !icmp", ("frame.number",)))


def _read(pcap, ports, which, fields):
    args = ["tshark", "-n", "-r", pcap, "-Y", which, "-T", "fields"]
    args += ["-E", "separator=/t", "-E", "aggregator=\x01"]
    for port in sorted(set(ports)):
        args += ["-d", f"udp.port=={port},sip", "-d", f"tcp.port=={port},sip"]
    for field in fields:
        args += ["-e", field]
    done = subprocess.run(args, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"tshark: {done.stderr}"
    return [line.split("\t") for line in done.stdout.splitlines()]
