-- What sipcapture 5.6 writes: 44 columns for SIP, 12 for everything else.
CREATE TABLE sip_capture (
    id @SERIAL@, date TIMESTAMP, micro_ts BIGINT,
    method TEXT, reply_reason TEXT, ruri TEXT, ruri_user TEXT, ruri_domain TEXT,
    from_user TEXT, from_domain TEXT, from_tag TEXT,
    to_user TEXT, to_domain TEXT, to_tag TEXT,
    pid_user TEXT, contact_user TEXT, auth_user TEXT,
    callid TEXT, callid_aleg TEXT, via_1 TEXT, via_1_branch TEXT, cseq TEXT,
    diversion TEXT, reason TEXT, content_type TEXT, auth TEXT, user_agent TEXT,
    source_ip TEXT, source_port INTEGER, destination_ip TEXT, destination_port INTEGER,
    contact_ip TEXT, contact_port INTEGER, originator_ip TEXT, originator_port INTEGER,
    correlation_id TEXT, custom_field1 TEXT, custom_field2 TEXT, custom_field3 TEXT,
    proto INTEGER, family INTEGER, rtp_stat TEXT, type INTEGER, node TEXT, msg @BLOB@
);
CREATE TABLE rtcp_capture (
    id @SERIAL@, date TIMESTAMP, micro_ts BIGINT, correlation_id TEXT,
    source_ip TEXT, source_port INTEGER, destination_ip TEXT, destination_port INTEGER,
    proto INTEGER, family INTEGER, type INTEGER, node TEXT, msg @BLOB@
);
CREATE TABLE report_capture (
    id @SERIAL@, date TIMESTAMP, micro_ts BIGINT, correlation_id TEXT,
    source_ip TEXT, source_port INTEGER, destination_ip TEXT, destination_port INTEGER,
    proto INTEGER, family INTEGER, type INTEGER, node TEXT, msg @BLOB@
);
CREATE TABLE logs_capture (
    id @SERIAL@, date TIMESTAMP, micro_ts BIGINT, correlation_id TEXT,
    source_ip TEXT, source_port INTEGER, destination_ip TEXT, destination_port INTEGER,
    proto INTEGER, family INTEGER, type INTEGER, node TEXT, msg @BLOB@
);
