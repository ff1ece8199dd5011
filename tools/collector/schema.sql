-- The tables that Kamailio 5.6's sipcapture writes, partitioned by day, and functions to keep
-- them and to ask them. PostgreSQL 13 or newer, once, as the owner of the database:
--   psql -v ON_ERROR_STOP=1 -f schema.sql hep
BEGIN;

CREATE TABLE sip_capture (
    id BIGINT GENERATED ALWAYS AS IDENTITY, date TIMESTAMP NOT NULL, micro_ts BIGINT NOT NULL,
    method TEXT, reply_reason TEXT, ruri TEXT, ruri_user TEXT, ruri_domain TEXT,
    from_user TEXT, from_domain TEXT, from_tag TEXT, to_user TEXT, to_domain TEXT, to_tag TEXT,
    pid_user TEXT, contact_user TEXT, auth_user TEXT, callid TEXT, callid_aleg TEXT,
    via_1 TEXT, via_1_branch TEXT, cseq TEXT, diversion TEXT, reason TEXT, content_type TEXT,
    auth TEXT, user_agent TEXT, source_ip TEXT, source_port INTEGER, destination_ip TEXT,
    destination_port INTEGER, contact_ip TEXT, contact_port INTEGER, originator_ip TEXT,
    originator_port INTEGER, correlation_id TEXT, custom_field1 TEXT, custom_field2 TEXT,
    custom_field3 TEXT, proto INTEGER, family INTEGER, rtp_stat TEXT, type INTEGER, node TEXT,
    msg BYTEA
) PARTITION BY RANGE (date);
CREATE INDEX ON sip_capture (callid);
CREATE INDEX ON sip_capture (correlation_id);
CREATE INDEX ON sip_capture (date);
CREATE INDEX ON sip_capture (from_user, date);
CREATE INDEX ON sip_capture (to_user, date);

CREATE TABLE rtcp_capture (
    id BIGINT GENERATED ALWAYS AS IDENTITY, date TIMESTAMP NOT NULL, micro_ts BIGINT NOT NULL,
    correlation_id TEXT, source_ip TEXT, source_port INTEGER, destination_ip TEXT,
    destination_port INTEGER, proto INTEGER, family INTEGER, type INTEGER, node TEXT, msg BYTEA
) PARTITION BY RANGE (date);
CREATE INDEX ON rtcp_capture (correlation_id);
CREATE TABLE report_capture (LIKE rtcp_capture INCLUDING IDENTITY) PARTITION BY RANGE (date);
CREATE INDEX ON report_capture (correlation_id);
CREATE TABLE logs_capture (LIKE rtcp_capture INCLUDING IDENTITY) PARTITION BY RANGE (date);
CREATE INDEX ON logs_capture (correlation_id);
CREATE INDEX ON logs_capture (node, date);

-- For stamps of no day that has a partition: clocks that were never set, and maintenance that
-- was forgotten. No packet is lost for either.
CREATE TABLE sip_capture_default PARTITION OF sip_capture DEFAULT;
CREATE TABLE rtcp_capture_default PARTITION OF rtcp_capture DEFAULT;
CREATE TABLE report_capture_default PARTITION OF report_capture DEFAULT;
CREATE TABLE logs_capture_default PARTITION OF logs_capture DEFAULT;

-- Once a day: makes the partitions of today and the days ahead, with the rows of these days that
-- lie in the default one, and drops those of days that are more than keep_days ago. Says what it
-- did, a row each.
CREATE FUNCTION hep_maintain(keep_days INTEGER, days_ahead INTEGER DEFAULT 3)
RETURNS TABLE (done TEXT, partition TEXT) LANGUAGE plpgsql AS $$
DECLARE
    parent TEXT; day DATE; name TEXT; old RECORD;
BEGIN
    FOREACH parent IN ARRAY ARRAY['sip_capture', 'rtcp_capture', 'report_capture', 'logs_capture']
    LOOP
        -- From yesterday on: clocks and time zones differ.
        FOR day IN SELECT generate_series(CURRENT_DATE - 1, CURRENT_DATE + days_ahead, '1 day')
        LOOP
            name := parent || to_char(day, '_YYYYMMDD');
            CONTINUE WHEN to_regclass(name) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', name, parent);
            EXECUTE format('ALTER TABLE %I ALTER id SET NOT NULL', name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM %I WHERE date >= %L AND date < %L RETURNING *)'
                ' INSERT INTO %I SELECT * FROM moved', parent || '_default', day, day + 1, name);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                parent, name, day, day + 1);
            done := 'made'; partition := name; RETURN NEXT;
        END LOOP;
        FOR old IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = parent::regclass AND c.relname ~ '_[0-9]{8}$'
              AND to_date(right(c.relname, 8), 'YYYYMMDD') < CURRENT_DATE - keep_days
        LOOP
            EXECUTE format('DROP TABLE %I', old.relname);
            done := 'dropped'; partition := old.relname; RETURN NEXT;
        END LOOP;
        EXECUTE format('DELETE FROM %I WHERE date < %L OR date > %L', parent || '_default',
            CURRENT_DATE - keep_days, CURRENT_DATE + 365);
    END LOOP;
END $$;

-- "Show me this call": all that any agent captured of it, in the order of time. Also the other
-- leg of a back-to-back agent, which names it as its correlation id.
CREATE FUNCTION hep_call(call_id TEXT)
RETURNS TABLE (stamp TIMESTAMP(6), kind TEXT, what TEXT, source TEXT, destination TEXT,
               node TEXT, message TEXT)
LANGUAGE sql STABLE AS $$
    SELECT to_timestamp(micro_ts / 1000000.0) AT TIME ZONE current_setting('TimeZone'), kind, what,
           source_ip || ':' || source_port, destination_ip || ':' || destination_port, node,
           encode(msg, 'escape')
    FROM (
        SELECT micro_ts, 'SIP' AS kind, method || CASE WHEN reply_reason <> ''
               THEN ' ' || reply_reason ELSE '' END AS what,
               source_ip, source_port, destination_ip, destination_port, node, msg
        FROM sip_capture WHERE callid = call_id OR correlation_id = call_id
        UNION ALL
        SELECT micro_ts, 'RTCP', '', source_ip, source_port, destination_ip, destination_port,
               node, msg FROM rtcp_capture WHERE correlation_id = call_id
        UNION ALL
        SELECT micro_ts, 'report', '', source_ip, source_port, destination_ip, destination_port,
               node, msg FROM report_capture WHERE correlation_id = call_id
        UNION ALL
        SELECT micro_ts, 'log', '', source_ip, source_port, destination_ip, destination_port,
               node, msg FROM logs_capture WHERE correlation_id = call_id
    ) AS packets ORDER BY micro_ts
$$;

-- The calls of a time, the latest first: who called whom, how it ended, how many messages.
CREATE FUNCTION hep_calls(since TIMESTAMP, until TIMESTAMP, number TEXT DEFAULT '')
RETURNS TABLE (began TIMESTAMP, callid TEXT, from_user TEXT, to_user TEXT, answered BOOLEAN,
               final TEXT, messages BIGINT, nodes TEXT)
LANGUAGE sql STABLE AS $$
    SELECT min(date), callid,
           (array_agg(from_user ORDER BY micro_ts))[1], (array_agg(to_user ORDER BY micro_ts))[1],
           bool_or(method LIKE '2__' AND cseq LIKE '%INVITE'),
           (array_agg(method || ' ' || reply_reason ORDER BY micro_ts DESC)
               FILTER (WHERE method ~ '^[2-6]' AND cseq LIKE '%INVITE'))[1],
           count(*), string_agg(DISTINCT node, ', ')
    FROM sip_capture
    WHERE date >= since AND date < until
    GROUP BY callid
    HAVING bool_or(method = 'INVITE')
       AND (number = '' OR bool_or(from_user = number OR to_user = number))
    ORDER BY min(date) DESC
$$;

SELECT * FROM hep_maintain(30);
COMMIT;
