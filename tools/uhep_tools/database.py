"""Open a uhep database, and bring its schema up to this version.

The schema is the numbered files in schema/: user_version holds the number of the last one
that was applied, so a new one only ever needs to say what it changes.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

APPLICATION = 0x75686570  # "uhep", SQLite's application_id
_STEPS = sorted(
    (file for file in resources.files("uhep_tools.schema").iterdir() if file.name[0].isdigit()),
    key=lambda file: int(file.name.split(".")[0]),
)
VERSION = len(_STEPS)


class StoreError(Exception):
    """A database that can not be used; the text names the file and what is wrong."""


Progress = Callable[[int, int], None]  # (packets done, packets in all)
_WAL_OCTETS = 64 << 20  # what the -wal file is cut to, when all of it is in the database
_BUSY_S = 5.0  # how long to wait for another program that has locked the file


def connect(
    path: str | Path, create: bool = True, progress: Progress = lambda done, total: None
) -> sqlite3.Connection:
    """Open path in WAL mode with the current schema, for use from any thread.

    create: make the file if it is not there. progress hears how far the renewal of an older
    database is. Raises StoreError: no such file, not a database, another program's database,
    or one of a newer uhep.
    """
    path = Path(path)
    if not create and not path.exists():
        raise StoreError(f"{path}: there is no such database; `uhep serve` makes one")
    try:
        db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from None
    try:
        _upgrade_when_free(db, path, progress)
    except sqlite3.Error as error:
        db.close()
        raise StoreError(f"{path} can not be used: {error}") from None
    except BaseException:
        db.close()
        raise
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open path for reading alone, once its schema is the current one. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"{path}: there is no such database; `uhep serve` makes one")
    try:
        db = open_to_read(path)
        try:
            _, version = _ours(db, path)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise StoreError(f"{path} can not be used: {error}") from None
    if version == VERSION:
        return db
    db.close()
    if not all(os.access(each, os.W_OK) for each in (path, path.parent)):
        raise StoreError(
            f"{path} was written by an older uhep and has to be renewed, but nothing can be "
            "written there; copy it to another folder"
        )
    connect(path, create=False).close()  # renews it, or says why it can not be used
    return connect_to_read(path)


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open any SQLite file for reading alone, also on a medium that is. Raises sqlite3.Error."""
    try:
        return _open_uri(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # In WAL mode even a reader makes files beside it. It can do without if all is in it.
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            raise sqlite3.OperationalError(
                f"nothing can be written there; copy it and {wal.name} to another folder"
            ) from None
        return _open_uri(path, "mode=ro&immutable=1")


def _open_uri(path: Path, options: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{options}"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, check_same_thread=False)
    try:
        _version(db)  # to open the file
    except sqlite3.Error:
        db.close()
        raise
    return db


def _upgrade_when_free(db: sqlite3.Connection, path: Path, progress: Progress) -> None:
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            return _upgrade(db, path, progress)
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself where two could wait for each other, as when both
            # want WAL mode.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _upgrade(db: sqlite3.Connection, path: Path, progress: Progress) -> None:
    tables, version = _ours(db, path)
    if not tables:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # what retention deletes leaves the file
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_OCTETS}")
    # In WAL mode this can lose the last moments in a power cut, but never damages the file.
    db.execute("PRAGMA synchronous = NORMAL")
    for number in range(version, VERSION):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {_STEPS[number].read_text()}")
            if number + 1 == 2:
                from uhep_tools.schema.fill import fill

                fill(db, progress)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {number + 1}")
            db.execute("COMMIT")
        except sqlite3.OperationalError:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if _version(db) <= number:  # else somebody else was quicker
                raise


def _ours(db: sqlite3.Connection, path: Path) -> tuple[int, int]:
    """(number of tables, version). StoreError: of another program, or of a newer uhep."""
    # At once: another uhep may be making the file at the same moment.
    tables, owner, version = db.execute(
        "SELECT count(*), (SELECT application_id FROM pragma_application_id),"
        " (SELECT user_version FROM pragma_user_version) FROM sqlite_schema"
    ).fetchone()
    if (tables or version) and owner != APPLICATION:
        raise StoreError(f"{path} is a database of another program; name another file with --db")
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer uhep (schema {version}, this one knows {VERSION}); "
            "use that uhep, or name another file with --db"
        )
    return tables, version


def _version(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]
