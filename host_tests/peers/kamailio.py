"""Kamailio: a collector (sipcapture), its front for TCP, a proxy that sends HEP (siptrace)."""

import sqlite3
from contextlib import closing, contextmanager

from uhep_tools.ports import free_port
from waiting import TooLate, until

from peers.program import fill, running

KEY = "sesame"  # what the front asks for and the proxy sends
CAPTURE_ID = 2101  # of the proxy

# HEP payload type -> (table, what Kamailio writes to its column `type`).
TABLES = {
    1: ("sip_capture", 1),
    5: ("rtcp_capture", 3),
    32: ("report_capture", 2),
    99: ("report_capture", 4),
    100: ("logs_capture", 5),
}


def command(config, folder):
    return [
        *("kamailio", "-DD", "-E", "-f", config, "-w", folder, "-Y", folder),
        *("-P", folder / f"{config.stem}.pid", "-m", "32", "-M", "8"),
    ]


class SqliteRows:
    """The database that Kamailio writes. It is WAL before Kamailio opens it: made by each of
    its processes at start they lock each other out."""

    driver = "db_sqlite"

    def __init__(self, path, schema):
        self.path = path
        self.url = f"sqlite:///{path}"
        with closing(sqlite3.connect(path)) as db:
            db.executescript("PRAGMA journal_mode=WAL;\n" + schema)

    def rows(self, table):
        with closing(sqlite3.connect(self.path, timeout=20)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY id")]


class Receiver:
    """A running collector. host:port takes UDP over IPv4 and IPv6."""

    def __init__(self, port, database, program):
        self.port = port
        self.program = program
        self._database = database

    def rows(self, table):
        rows = self._database.rows(table)
        for row in rows:
            row["msg"] = _octets(row["msg"])
        return rows

    def wait_rows(self, table, count):
        """The rows of a table, once there are count of them."""

        rows = []

        def enough():
            self.program.check()
            rows[:] = self.rows(table)
            return len(rows) >= count

        try:
            until(enough, "rows")
        except TooLate:
            raise self.program.error(f"{len(rows)} rows in {table}, not {count}") from None
        return rows


def _octets(value):
    return value.encode() if isinstance(value, str) else value


class Front(Receiver):
    """Table `seen`: what it read of each chunk as text; key, cid and payload as hex."""

    def rows(self, table="seen"):
        return self._database.rows(table)


@contextmanager
def receiver(folder, database=None):
    """Kamailio storing HEP into a database: SQLite in the folder, or one that is given."""
    if database is None:
        sql = fill(
            "kamailio_tables.sql",
            folder / "tables.sql",
            serial="INTEGER PRIMARY KEY AUTOINCREMENT",
            blob="BLOB",
        )
        database = SqliteRows(folder / "rows.db", sql.read_text())
    port = free_port()
    config = fill(
        "kamailio_receiver.cfg",
        folder / "receiver.cfg",
        port=port,
        driver=database.driver,
        db_url=database.url,
    )
    with running(
        command(config, folder), folder, [("udp", port)], name="kamailio-receiver"
    ) as program:
        yield Receiver(port, database, program)


@contextmanager
def front(folder, receiver_port):
    """Kamailio taking HEP over TCP and UDP; what has the right key goes on to a receiver."""
    port = free_port()
    schema = fill("kamailio_front.sql", folder / "front.sql").read_text()
    database = SqliteRows(folder / "seen.db", schema)
    config = fill(
        "kamailio_front.cfg",
        folder / "front.cfg",
        port=port,
        folder=folder,
        receiver=receiver_port,
        key=KEY,
    )
    with running(
        command(config, folder), folder, [("udp", port), ("tcp", port)], name="kamailio-front"
    ) as program:
        yield Front(port, database, program)


@contextmanager
def proxy(folder, collector, phones, *defines, rtpengine=0):
    """Kamailio as proxy and registrar that sends HEP to port `collector`. Yields its port.

    phones: where calls to `service` go, ports by "udp", "tcp", "udp6".
    """
    port = free_port()
    config = fill(
        "kamailio_trace.cfg",
        folder / "trace.cfg",
        port=port,
        collector=collector,
        capture_id=CAPTURE_ID,
        key=KEY,
        uas_udp=phones.get("udp", 9),
        uas_tcp=phones.get("tcp", 9),
        uas_udp6=phones.get("udp6", 9),
        rtpengine=rtpengine,
    )
    args = [*command(config, folder), *(f"-A{define}" for define in defines)]
    with running(args, folder, [("udp", port), ("tcp", port)], name="kamailio-trace"):
        yield port


@contextmanager
def registrar(folder, port=None, nonce_s=300, least_s=5):
    """Kamailio as registrar and proxy of uhep.test, without HEP. Yields its port."""
    port = port or free_port()
    config = fill(
        "kamailio_registrar.cfg",
        folder / "registrar.cfg",
        port=port,
        nonce_s=nonce_s,
        least_s=least_s,
    )
    with running(
        command(config, folder), folder, [("udp", port), ("tcp", port)], name="kamailio-registrar"
    ):
        yield port
