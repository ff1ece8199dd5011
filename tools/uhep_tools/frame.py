"""The header of a HEP v3 frame: magic and total length, the same for datagram and stream."""

from uhep_tools.faults import HepError

MAGIC = b"HEP3"
HEADER = 6  # octets, of the frame and of every chunk alike


def check_magic(data: bytes) -> None:
    """Raise HepError unless data, 4 octets or more, begins with HEP3."""
    if data.startswith(MAGIC):
        return
    if data[0] in (1, 2):
        version = data[0]
        raise HepError(f"hep-v{version}", 0, f"HEPv{version} received, please switch to v3")
    if data.startswith(b"EEP1"):
        raise HepError("eep1", 0, "EEP1 received, an expired draft; please switch to HEP v3")
    if data.startswith(b"\x1f\x8b"):
        raise HepError("magic", 0, "begins like gzip: please switch off whole-packet compression")
    raise HepError("magic", 0, f"begins with {data[:4]}, a HEP v3 packet with {MAGIC}")


def frame_length(data: bytes) -> int:
    """Octets of the frame that data, 6 octets or more, begins with. Raises HepError."""
    check_magic(data)
    total = int.from_bytes(data[4:HEADER], "big")
    if total < HEADER:
        raise HepError("total-length", 4, f"header says {total} octets; it has {HEADER} itself")
    return total
