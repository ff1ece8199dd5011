"""What came: packets in the order of arrival, from a server or from a file."""

import time
from pathlib import Path

from uhep_tools.hep import HepError, Packet, decode
from uhep_tools.message import Message, message
from uhep_tools.readers import read_file, read_rejects
from uhep_tools.tables import Reject


class Capture:
    """Keeps in memory what a Server gives its store: `Server(Capture(), port=0)`.

    packets: what the strict decoder accepted, refused: why it did not; both in the order of
    arrival.
    """

    def __init__(self) -> None:
        self.packets: list[Message] = []
        self.refused: list[Reject] = []

    @classmethod
    def read(cls, path: str | Path) -> "Capture":
        """What is in a database of `uhep serve`, with its rejects, or in what read_file reads.

        Raises ReadError or OSError.
        """
        path = Path(path)
        capture = cls()
        for record in read_file(path):
            where = record.peer or record.where
            try:
                if record.error:
                    raise record.error
                packet = decode(record.data)
            except HepError as error:
                capture.reject(error, len(record.data), where, record.received_us)
            else:
                capture.add(packet, record.data, where, record.received_us)
        capture.refused += read_rejects(path)
        return capture

    def add(self, packet: Packet, raw: bytes, peer: str, received_us: int | None = None) -> None:
        """As Store.add."""
        self.packets.append(message(packet, raw, peer, received_us or time.time_ns() // 1000))

    def reject(
        self, fault: HepError, size: int, peer: str, received_us: int | None = None
    ) -> None:
        """As Store.reject."""
        now = received_us or time.time_ns() // 1000
        self.refused.append(Reject(now, peer, fault.name, fault.offset, fault.sentence, size))

    def flush(self) -> None:
        """As Store.flush; there is nothing to write."""
