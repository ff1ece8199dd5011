"""tshark: reads a pcap back, field by field."""

import subprocess

FIELDS = (
    *("frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst"),
    *("udp.srcport", "udp.dstport", "sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq"),
    "udp.payload",
)


def read(pcap, sip_ports=()):
    """The packets of a pcap, each a dict of FIELDS. UDP on sip_ports is read as SIP."""
    args = ["tshark", "-n", "-r", pcap, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f"]
    for port in sorted(set(sip_ports)):
        args += ["-d", f"udp.port=={port},sip"]
    for field in FIELDS:
        args += ["-e", field]
    done = subprocess.run(args, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"tshark: {done.stderr}"
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]
