"""A PostgreSQL server of our own, in a temporary folder."""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from uhep_tools.ports import free_port

from peers.program import fill, running

_SYSTEM_USER = "postgres"  # the server refuses to run as root


def binary(name):
    """A server program: Debian keeps them off PATH, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else name


class PostgresRows:
    """A database with the tables that Kamailio writes."""

    driver = "db_postgres"

    def __init__(self, port, name, schema):
        self.url = f"postgres://collector@127.0.0.1:{port}/{name}"
        self._sql("-c", schema)

    def _sql(self, *args):
        url = self.url.replace("postgres:", "postgresql:")
        done = subprocess.run(
            ["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", url, *args],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, f"psql: {done.stderr}"
        return done.stdout

    def rows(self, table):
        query = f"SELECT row_to_json(t) FROM (SELECT * FROM {table} ORDER BY id) t"
        rows = [json.loads(line) for line in self._sql("-c", query).splitlines()]
        for row in rows:
            row["msg"] = bytes.fromhex(row["msg"].removeprefix("\\x"))
        return rows


@contextmanager
def postgres():
    """A server on 127.0.0.1 with an empty database, as PostgresRows."""
    # Not under pytest's own folders: those are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="uhep-pg-"))
    as_user = {}
    if os.geteuid() == 0:
        shutil.chown(folder, _SYSTEM_USER, _SYSTEM_USER)
        as_user = {"user": _SYSTEM_USER, "group": _SYSTEM_USER, "extra_groups": []}
    try:
        subprocess.run(
            [binary("initdb"), "-D", folder / "data", "-U", "collector", "-A", "trust"]
            + ["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            timeout=120,
            cwd=folder,
            **as_user,
        )
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": port,
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        args = [binary("postgres"), "-D", folder / "data", *options]
        with running(args, folder, [("tcp", port)], **as_user):
            sql = fill(
                "kamailio_tables.sql",
                folder / "tables.sql",
                serial="SERIAL PRIMARY KEY",
                blob="BYTEA",
            )
            yield PostgresRows(port, "postgres", sql.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
