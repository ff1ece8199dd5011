-- Version 3: the last status line of an agent without looking at all of them, and ids that never
-- go back, also when retention has deleted the packet that had the highest.

CREATE INDEX packets_status ON packets (node_id, node_name, id)
    WHERE type = 100 AND cid = 'uhep' AND instr(raw, x'75686570207768793d');

CREATE TABLE numbered (last_id INTEGER NOT NULL); -- the highest that a packet ever had
INSERT INTO numbered SELECT ifnull(max(id), 0) FROM packets;
