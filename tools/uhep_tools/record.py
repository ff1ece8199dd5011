"""What a reader hands on: the octets of one captured packet, and where they were found."""

from dataclasses import dataclass

from uhep_tools.faults import HepError
from uhep_tools.hep import Packet, decode


class ReadError(ValueError):
    """The input can not be read at all; the sentence says why and what would be right."""


@dataclass(frozen=True)
class Record:
    """One packet as it was received.

    where: its place in the input, for a person. received_us: when it was received, Unix
    microseconds, None if the input does not say. error: why there is no whole packet.
    """

    data: bytes
    where: str
    received_us: int | None = None
    peer: str = ""
    error: HepError | None = None

    def decode(self) -> Packet:
        """The packet, leniently decoded. Raises HepError if it is none."""
        if self.error:
            raise self.error
        return decode(self.data, strict=False)
