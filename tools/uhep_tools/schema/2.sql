-- Version 2: what the page searches, filters and plots. fill.py computes it for the rows that
-- are there already.

ALTER TABLE packets ADD COLUMN mos INTEGER; -- hundredths
ALTER TABLE calls ADD COLUMN mos INTEGER; -- the lowest of them
ALTER TABLE calls ADD COLUMN state TEXT NOT NULL DEFAULT '';

CREATE INDEX packets_other ON packets (type, id) WHERE type <> 1;
CREATE INDEX packets_told ON packets (node_id, node_name, id) WHERE type = 100;
CREATE INDEX call_agents_agent ON call_agents (agent);

-- The words of each packet's payload, by the packet's id: no text, only where each word is.
CREATE VIRTUAL TABLE words USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = "unicode61 tokenchars '.-_'"
);

CREATE TABLE agent_types (
    node_id   INTEGER NOT NULL,
    node_name TEXT NOT NULL,
    type      INTEGER NOT NULL,
    packets   INTEGER NOT NULL,
    PRIMARY KEY (node_id, node_name, type)
) WITHOUT ROWID;
INSERT INTO agent_types SELECT node_id, node_name, type, count(*) FROM packets GROUP BY 1, 2, 3;
