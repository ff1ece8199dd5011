"""The collector of tools/collector/: Kamailio with PostgreSQL, as a fleet uses it."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import kamailio
from peers.postgres import postgres
from peers.program import running
from uhep_tools.fleet import Fleet, summary
from uhep_tools.load.offer import UdpSender, offer
from uhep_tools.load.traffic import Traffic
from uhep_tools.ports import free_port
from waiting import until

FOLDER = Path(__file__).parent.parent / "tools" / "collector"
TABLES = ("sip_capture", "rtcp_capture", "report_capture", "logs_capture")

pytestmark = pytest.mark.peer("kamailio", "postgresql")


class Collector:
    """The collector, running. sql(query): the rows, a list of columns as text each."""

    def __init__(self, port, url, program):
        self.port, self._url, self._program = port, url, program

    def sql(self, query):
        return psql(self._url, "-c", query)

    def rows(self):
        self._program.check()
        union = " UNION ALL ".join(f"SELECT 1 FROM {table}" for table in TABLES)
        return int(self.sql(f"SELECT count(*) FROM ({union}) AS every")[0][0])


def psql(url, *args):
    done = subprocess.run(
        ["psql", "-X", "-At", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", url, *args],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\x1f") for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def database():
    with postgres() as made:
        yield made.url


@pytest.fixture
def collector(tmp_path, database):
    """On a database of its own, with the files as they are."""
    with collecting(tmp_path, database, "hep_" + tmp_path.name.replace("-", "_").lower()) as it:
        yield it


@contextmanager
def collecting(folder, server_url, name):
    tool_url = server_url.replace("postgres:", "postgresql:")
    psql(tool_url, "-c", f'CREATE DATABASE "{name}"')
    own = server_url.rpartition("/")[0] + "/" + name
    psql(own.replace("postgres:", "postgresql:"), "-f", str(FOLDER / "schema.sql"))
    port = free_port()
    environment = {"UHEP_LISTEN": f"udp:127.0.0.1:{port}", "UHEP_DB_URL": own}
    with running(
        kamailio.command(FOLDER / "kamailio.cfg", folder),
        folder,
        [("udp", port)],
        name="kamailio-collector",
        env={**os.environ, **environment},
    ) as program:
        yield Collector(port, own.replace("postgres:", "postgresql:"), program)


@pytest.mark.soak
def test_fleet(tmp_path, collector, cases):
    """emulated phones to sipcapture, 50 in soak: every packet that the agents sent is a row"""
    size = cases(6, 50)
    hep = {"capture_address": f"127.0.0.1:{collector.port}", "profile": "kamailio"}
    with Fleet(size, tmp_path / "state", hep=hep, heap="256K", limit_s=240) as fleet:
        counts = fleet.wait(300)
    said, problems = summary(counts)
    assert problems == [], said
    sent = sum(one["capture"]["sent"] for one in counts)
    assert sent >= size * 7
    until(lambda: collector.rows() >= sent, lambda: f"{collector.rows()} of {sent} rows")
    assert collector.rows() == sent
    # Also device by device.
    union = " UNION ALL ".join(f"SELECT node FROM {table}" for table in TABLES)
    stored = dict(collector.sql(f"SELECT node, count(*) FROM ({union}) AS every GROUP BY node"))
    assert stored == {
        f"hep:{5001 + index}": str(one["capture"]["sent"]) for index, one in enumerate(counts)
    }
    calls = collector.sql("SELECT * FROM hep_calls('2000-01-01', '2100-01-01')")
    assert len(calls) == size // 2
    assert {(call[4], call[5]) for call in calls} == {("t", "200 OK")}
    assert all(int(call[6]) >= 14 for call in calls)  # more where one was sent again
    one = collector.sql(f"SELECT what, message FROM hep_call('{calls[0][1]}') WHERE kind = 'SIP'")
    assert [row[0] for row in one if len(row) == 2][:1] == ["INVITE "] or one[0][0] == "INVITE"


def test_load_partitions_and_retention(collector):
    """the recipe: calls of three days, each in its partition; old ones are dropped"""
    now = time.time_ns() // 1000
    day = 86_400_000_000
    traffic = Traffic(6)
    sent = [one for ago in (0, 0, 1, 1, 40) for one in traffic.call(now - ago * day)]
    # Kamailio takes no type 34.
    packets = [one for one in sent if b'"RFACTOR"' not in one.packet]
    offer(UdpSender("127.0.0.1", collector.port), iter(packets), 200, len(packets))
    total = len(packets)
    until(lambda: collector.rows() >= total, lambda: f"{collector.rows()} of {total} rows")
    assert collector.rows() == total
    by_table = collector.sql("SELECT tableoid::regclass, count(*) FROM sip_capture GROUP BY 1")
    kept = {name for name, _ in by_table}
    assert "sip_capture_default" in kept and len(kept) == 3  # today, yesterday, long ago
    calls = collector.sql("SELECT callid, messages FROM hep_calls('2000-01-01', '2100-01-01')")
    for callid, messages in calls:
        rows = collector.sql(f"SELECT kind, what FROM hep_call('{callid}')")
        assert sum(row[0] == "SIP" for row in rows) == int(messages)
    assert collector.sql("SELECT * FROM hep_maintain(30)") == []  # all there; 40 days ago goes
    assert collector.sql("SELECT count(*) FROM sip_capture_default") == [["0"]]
    dropped = collector.sql("SELECT * FROM hep_maintain(-5)")
    assert {row[0] for row in dropped} == {"dropped"} and len(dropped) == 4 * 5
    assert collector.rows() == 0


def test_maintenance_that_was_forgotten(collector):
    """rows of days without a partition are kept, and moved when there is one"""
    for table in TABLES:
        for (name,) in collector.sql(
            f"SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{table}'::regclass"
        ):
            if not name.endswith("_default"):
                collector.sql(f"DROP TABLE {name}")
    packets = Traffic(6).call(time.time_ns() // 1000 - 60_000_000)
    packets = [one for one in packets if b'"RFACTOR"' not in one.packet]
    offer(UdpSender("127.0.0.1", collector.port), iter(packets), 200, len(packets))
    until(lambda: collector.rows() >= len(packets), "rows")
    made = collector.sql("SELECT * FROM hep_maintain(30)")
    assert {row[0] for row in made} == {"made"} and len(made) == 4 * 5
    assert collector.sql("SELECT count(*) FROM sip_capture_default") == [["0"]]
    assert collector.rows() == len(packets)
