PRAGMA journal_mode=WAL;
CREATE TABLE sip_capture (id INTEGER PRIMARY KEY);
CREATE TABLE seen (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    good, via, family, proto, src4, dst4, src6, dst6, sport, dport,
    sec, usec, type, node_id, key, cid, payload
);
