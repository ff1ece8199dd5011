"""Whether what was sent is in a database of `uhep serve`."""

from collections import Counter
from pathlib import Path

from uhep_tools.queries import Reader


def missing(db: Path, sent: Counter[bytes]) -> int:
    """How many of the sent packets are not among the newest of the database. StoreError."""
    with Reader(db) as reader:
        found = Counter(reader.newest_raw(2 * sent.total() + 1000))
    return (sent - found).total()
