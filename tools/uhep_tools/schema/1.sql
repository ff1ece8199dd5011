-- Version 1. A later version is a file 2.sql that turns this one into it.

CREATE TABLE packets (
    id          INTEGER PRIMARY KEY,
    received_us INTEGER NOT NULL,
    peer        TEXT NOT NULL,
    raw         BLOB NOT NULL,
    stamp_us    INTEGER NOT NULL,
    type        INTEGER NOT NULL,
    call        TEXT,
    cid         TEXT,
    src         TEXT NOT NULL,
    sport       INTEGER NOT NULL,
    dst         TEXT NOT NULL,
    dport       INTEGER NOT NULL,
    proto       INTEGER NOT NULL,
    node_id     INTEGER NOT NULL,
    node_name   TEXT NOT NULL,
    method      TEXT,
    status      INTEGER,
    reason      TEXT NOT NULL,
    cseq        INTEGER,
    from_user   TEXT NOT NULL,
    to_user     TEXT NOT NULL
);
CREATE INDEX packets_call ON packets (call, stamp_us);
CREATE INDEX packets_cid ON packets (cid) WHERE cid IS NOT NULL;
CREATE INDEX packets_stamp ON packets (stamp_us);

CREATE TABLE calls (
    call         TEXT PRIMARY KEY,
    method       TEXT,
    head_us      INTEGER NOT NULL,
    from_user    TEXT NOT NULL,
    to_user      TEXT NOT NULL,
    start_us     INTEGER NOT NULL,
    end_us       INTEGER NOT NULL,
    ring_us      INTEGER,
    answer_us    INTEGER,
    bye_us       INTEGER,
    last_cseq    INTEGER NOT NULL,
    final_cseq   INTEGER NOT NULL,
    final_status INTEGER,
    final_reason TEXT NOT NULL,
    final_us     INTEGER,
    messages     INTEGER NOT NULL,
    last_id      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX calls_start ON calls (start_us);
CREATE INDEX calls_last ON calls (last_id);

CREATE TABLE call_agents (
    call  TEXT NOT NULL,
    agent TEXT NOT NULL,
    PRIMARY KEY (call, agent)
) WITHOUT ROWID;

CREATE TABLE agents (
    node_id   INTEGER NOT NULL,
    node_name TEXT NOT NULL,
    packets   INTEGER NOT NULL,
    octets    INTEGER NOT NULL,
    first_us  INTEGER NOT NULL,
    last_us   INTEGER NOT NULL,
    peer      TEXT NOT NULL,
    PRIMARY KEY (node_id, node_name)
) WITHOUT ROWID;

CREATE TABLE rejects (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    received_us INTEGER NOT NULL,
    peer        TEXT NOT NULL,
    name        TEXT NOT NULL,
    offset      INTEGER NOT NULL,
    sentence    TEXT NOT NULL,
    size        INTEGER NOT NULL
);
