"""A DNS server of the tests' own: A and SRV records, or silence."""

import socket
import struct
import threading
from contextlib import contextmanager

_A, _SRV = 1, 33


class Dns:
    """`records` holds lists by name: "1.2.3.4" as an A record, (priority, weight, port, target)
    as SRV. `asked` are (type, name) as they came. While `silent` nothing is answered."""

    def __init__(self, records):
        self.records = records
        self.asked = []
        self.silent = False
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.settimeout(0.1)
        self.address = f"127.0.0.1:{self._sock.getsockname()[1]}"
        self.closing = threading.Event()

    def run(self):
        while not self.closing.is_set():
            try:
                question, peer = self._sock.recvfrom(512)
            except TimeoutError:
                continue
            name, at = _read_name(question, 12)
            kind = struct.unpack_from(">H", question, at)[0]
            self.asked.append((kind, name))
            if not self.silent:
                self._sock.sendto(self._answer(question[: at + 4], kind, name), peer)
        self._sock.close()

    def _answer(self, question, kind, name):
        found = [
            record
            for record in self.records.get(name, [])
            if isinstance(record, str) == (kind == _A) and kind in (_A, _SRV)
        ]
        bodies = [_address(each) if kind == _A else _service(each) for each in found]
        rcode = 0 if name in self.records else 3
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(bodies), 0, 0)
        answers = [
            b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(body)) + body for body in bodies
        ]
        return head + question[12:] + b"".join(answers)


def _address(text):
    return socket.inet_aton(text)


def _service(record):
    priority, weight, port, target = record
    return struct.pack(">HHH", priority, weight, port) + _name(target)


def _name(text):
    labels = [label.encode() for label in text.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
        at += 1 + data[at]
    return ".".join(labels), at + 1


@contextmanager
def server(records):
    """A running Dns."""
    one = Dns(records)
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.closing.set()
        thread.join(5)
