"""tshark with uhep.lua: what our dissector says of packets, and captures to ask it about."""

import itertools
import json
import os
import re
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from scapy.utils import RawPcapWriter

SCRIPT = Path(__file__).resolve().parents[2] / "tools/wireshark/uhep.lua"
PORT = 9060

_RAW_IP = 101  # link type: the packet begins with its IP header
_SENDER, _COLLECTOR = bytes([192, 0, 2, 10]), bytes([192, 0, 2, 99])
_MESSAGE = re.compile(r"(\S+) at offset (\d+): .")


def _ip(protocol, payload, back=False):
    head = struct.pack(">BxHIBBxx", 0x45, 20 + len(payload), 0, 64, protocol)
    ends = _COLLECTOR + _SENDER if back else _SENDER + _COLLECTOR
    return head + ends + payload


def datagram(payload, port=PORT):
    """An IPv4 packet with one UDP datagram."""
    return _ip(17, struct.pack(">HHHxx", 40000, port, 8 + len(payload)) + payload)


def conversation(turns, port=PORT, source=40000):
    """IPv4 packets of one TCP connection; a turn is (True if the collector speaks, octets)."""
    ports, sequence = (source, port), [1000, 5000]
    for back, octets in turns:
        here, there = ports[back], ports[not back]
        counts = sequence[back], sequence[not back]
        head = struct.pack(">HHIIBBHxxxx", here, there, *counts, 0x50, 0x18, 8192)
        yield _ip(6, head + octets, back)
        sequence[back] += len(octets)


def segments(parts, port=PORT, source=40000):
    """IPv4 packets that carry the parts of one TCP stream."""
    return conversation([(False, part) for part in parts], port, source)


def write(path, packets, held=None):
    """A capture of IPv4 packets; held: how many octets of each it holds, all if not given."""
    held = held or itertools.repeat(65535)
    with RawPcapWriter(str(path), linktype=_RAW_IP) as writer:
        writer.write_header(None)
        for second, (packet, size) in enumerate(zip(packets, held, strict=False)):
            writer.write_packet(packet[:size], sec=second, usec=0, wirelen=len(packet))
    return path


def run(pcap, *args):
    """What tshark prints of a capture; fails if the script does."""
    command = ["tshark", "-n", "-X", f"lua_script:{SCRIPT}", "-r", str(pcap), *args]
    # Neither the user's preferences nor a copy of the script among the user's plug-ins.
    home = {"HOME": str(Path(pcap).parent), "XDG_CONFIG_HOME": str(Path(pcap).parent)}
    done = subprocess.run(command, capture_output=True, timeout=600, env=os.environ | home)
    text, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    assert done.returncode == 0, errors
    assert "Lua" not in errors, errors
    assert "Lua Error" not in text, text[text.index("Lua Error") :][:300]
    return text


@dataclass
class Layer:
    """One HEP packet as tshark dissected it."""

    values: dict = field(default_factory=dict)  # field without "uhep." -> all it shows, as text
    octets: dict = field(default_factory=dict)  # the same -> the octets it stands for
    notes: list = field(default_factory=list)  # (fault or remark, offset) of each expert info

    @property
    def chunks(self):
        """(vendor, type, octets with header) of each chunk."""
        vendors, types = self.values.get("chunk.vendor", []), self.values.get("chunk.type", [])
        return [
            (int(vendor, 16), int(kind, 16), octets)
            for vendor, kind, octets in zip(
                vendors, types, self.octets.get("chunk", []), strict=True
            )
        ]


def _leaves(pairs):
    """(name, value) of each field in the order of the tree; -T json repeats names."""
    for name, value in pairs:
        if isinstance(value, list) and value and isinstance(value[0], tuple):
            yield name, ""
            yield from _leaves(value)
        else:
            yield name, value


def _layer(pairs):
    layer, octets, fault = Layer(), None, None
    for name, value in _leaves(pairs):
        if name.endswith("_raw"):
            octets = bytes.fromhex(value[0])
        elif name == "_ws.expert.message" and fault:  # without one it is Wireshark's own
            told, offset = _MESSAGE.match(value).groups()
            assert told == fault, f"{fault} says {value}"
            layer.notes.append((told, int(offset)))
            fault = None
        elif name.startswith(("uhep.fault.", "uhep.remark.")):
            fault = name.split(".", 2)[2]
        elif name.startswith("uhep."):
            layer.values.setdefault(name[5:], []).append(value)
            layer.octets.setdefault(name[5:], []).append(octets or b"")
            octets = None
    return layer


def layers(pcap, *args):
    """For each frame of a capture the list of its HEP packets."""
    text = run(pcap, "-T", "json", "-x", "-J", "uhep", *args)
    frames = json.loads(text, object_pairs_hook=list, strict=False)
    found = []
    for frame in frames:
        tree = dict(dict(frame)["_source"])["layers"]
        # A layer without a field is its own name, a string.
        trees = [[] if value == "HEP v3" else value for name, value in tree if name == "uhep"]
        found.append([_layer(value) for value in trees])
    return found


def column(pcap, *args):
    """(protocol, info) of each frame, as the list of packets shows them."""
    fields = ("-T", "fields", "-E", "separator=/t", "-e", "_ws.col.Protocol")
    lines = run(pcap, *fields, "-e", "_ws.col.Info", *args).splitlines()
    return [tuple(line.split("\t")) for line in lines]
