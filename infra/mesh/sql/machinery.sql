-- What every service's schema has before its own migrations: roles, tenant functions, outbox, jobs, idempotency records.
-- {schema} is the schema's name. Runs where its text has changed since, so every statement suits a second run, and a table
-- of the last release is brought up to date by statements behind its CREATE.

-- Roles belong to the whole server: several databases may be migrated at once, and Postgres then says that a row was
-- concurrently updated. A role that is right already is not touched.
DO $$
DECLARE
    name text;
    tries integer := 0;
BEGIN
    LOOP
        BEGIN
            FOREACH name IN ARRAY ARRAY['{schema}_service', '{schema}_search'] LOOP
                IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
                    EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', name);
                END IF;
                IF NOT EXISTS (SELECT 1 FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
                               WHERE r.rolname = name AND s.setdatabase = 0 AND 'search_path={schema}, public' = ANY (s.setconfig)) THEN
                    EXECUTE format('ALTER ROLE %I SET search_path = {schema}, public', name);
                END IF;
            END LOOP;
            IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'neipix_verify') THEN
                CREATE ROLE neipix_verify NOLOGIN NOINHERIT BYPASSRLS;
            END IF;
            EXIT;
        EXCEPTION
            WHEN duplicate_object OR unique_violation OR internal_error THEN
                tries := tries + 1;
                IF tries > 20 THEN RAISE; END IF;
                PERFORM pg_sleep(0.05);
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the owner may not make the roles of {schema}: %', SQLERRM
                    USING HINT = 'make roles {schema}_service, {schema}_search NOLOGIN and neipix_verify NOLOGIN BYPASSRLS first';
        END;
    END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS {schema};
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
GRANT USAGE ON SCHEMA {schema} TO {schema}_service, {schema}_search, neipix_verify;
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema}_service;
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO neipix_verify;
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {schema}_service;
SET search_path = {schema}, public;

-- Row security of a tenant table and of the partitions it has: a missing context reads nothing; after one use the setting
-- of a pooled connection is the empty string, hence nullif.
CREATE OR REPLACE FUNCTION {schema}.make_tenant(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part regclass;
BEGIN
    IF NOT (SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = relation) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = relation AND polname = 'tenant') THEN
        EXECUTE format($policy$CREATE POLICY tenant ON %s
            USING (workspace_id = nullif(current_setting('neipix.workspace_id', true), '')::uuid)
            WITH CHECK (workspace_id = nullif(current_setting('neipix.workspace_id', true), '')::uuid)$policy$, relation);
    END IF;
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = relation LOOP
        PERFORM {schema}.make_tenant(part);
    END LOOP;
END $$;

-- The smallest UUIDv7 of an instant: bounds of partitions by month.
CREATE OR REPLACE FUNCTION {schema}.uuid_v7_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70000000000000000000')::uuid
$$;

-- Partitions of a table by the month of its UUIDv7 key: from last month to `ahead` months from now, and a default one that
-- stays empty. Of the owner; the service may call it, and owns nothing. Months are UTC, whatever the session's zone says.
CREATE OR REPLACE FUNCTION {schema}.make_partitions(parent text, ahead integer DEFAULT 3) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    this_month CONSTANT timestamptz := date_trunc('month', now());
    month timestamptz;
    child text;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = to_regclass('{schema}.' || quote_ident(parent)) AND c.relkind = 'p') THEN
        RAISE EXCEPTION '% is no partitioned table of {schema}', quote_ident(parent);
    END IF;
    IF ahead NOT BETWEEN 0 AND 24 THEN RAISE EXCEPTION 'months ahead must be 0 to 24, not %', ahead; END IF;
    -- Replicas start together.
    PERFORM pg_advisory_xact_lock(hashtext('neipix.partitions'), hashtext('{schema}.' || parent));
    FOR step IN -1 .. ahead LOOP
        month := this_month + make_interval(months => step);
        child := parent || '_' || to_char(month, 'YYYY_MM');
        IF to_regclass('{schema}.' || quote_ident(child)) IS NULL THEN
            EXECUTE format('CREATE TABLE {schema}.%I PARTITION OF {schema}.%I FOR VALUES FROM (%L) TO (%L)', child, parent,
                {schema}.uuid_v7_floor(month), {schema}.uuid_v7_floor(month + interval '1 month'));
            PERFORM {schema}.close_partition(child);
        END IF;
    END LOOP;
    child := parent || '_default';
    IF to_regclass('{schema}.' || quote_ident(child)) IS NULL THEN
        EXECUTE format('CREATE TABLE {schema}.%I PARTITION OF {schema}.%I DEFAULT', child, parent);
        PERFORM {schema}.close_partition(child);
    END IF;
END $$;

-- A partition is reached through its parent only.
CREATE OR REPLACE FUNCTION {schema}.close_partition(child text) RETURNS void LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    PERFORM {schema}.make_tenant(to_regclass('{schema}.' || quote_ident(child)));
    EXECUTE format('REVOKE ALL ON {schema}.%I FROM {schema}_service, {schema}_search', child);
END $$;
REVOKE ALL ON FUNCTION {schema}.make_tenant(regclass), {schema}.close_partition(text),
    {schema}.make_partitions(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.make_partitions(text, integer) TO {schema}_service;

CREATE TABLE IF NOT EXISTS outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id uuid NOT NULL,
    shard smallint NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL,
    object_version bigint NOT NULL,
    payload bytea NOT NULL,
    traceparent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sequenced_at timestamptz,
    published_at timestamptz,
    acked_at timestamptz,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT outbox_pk PRIMARY KEY (id),
    CONSTRAINT outbox_shard_ck CHECK (shard BETWEEN 0 AND 63)
);
COMMENT ON TABLE outbox IS 'Events committed with their change; ids only. Rows stay until every consumer has confirmed them';
COMMENT ON COLUMN outbox.id IS 'The order in which the relay goes; gaps and late commits are normal';
COMMENT ON COLUMN outbox.workspace_id IS 'The tenant; the nil UUID for platform work';
COMMENT ON COLUMN outbox.shard IS 'First byte of SHA-256(workspace) modulo 64';
COMMENT ON COLUMN outbox.event_id IS 'UUIDv7; consumers apply it once';
COMMENT ON COLUMN outbox.kind IS 'Such as message.created';
COMMENT ON COLUMN outbox.object_version IS 'Grows with each change of the object; 0 where it has none';
COMMENT ON COLUMN outbox.payload IS 'A proto message of neipix.<service>.events.v1';
COMMENT ON COLUMN outbox.traceparent IS 'W3C trace context of what caused it; empty = none';
COMMENT ON COLUMN outbox.created_at IS 'UTC';
COMMENT ON COLUMN outbox.sequenced_at IS 'UTC; when the relay gave it a number for clients';
COMMENT ON COLUMN outbox.published_at IS 'UTC; last time it was put into Redis, or found to have no consumer';
COMMENT ON COLUMN outbox.acked_at IS 'UTC; when the last consumer confirmed it';
COMMENT ON COLUMN outbox.xid IS 'The transaction of the change that it tells of';
CREATE INDEX IF NOT EXISTS outbox_unpublished_ix ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_unconfirmed_ix ON outbox (published_at) WHERE acked_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_acked_ix ON outbox (acked_at) WHERE acked_at IS NOT NULL;
DROP INDEX IF EXISTS outbox_unacked_ix;

CREATE TABLE IF NOT EXISTS outbox_ack (
    consumer text NOT NULL,
    outbox_id bigint NOT NULL,
    CONSTRAINT outbox_ack_pk PRIMARY KEY (outbox_id, consumer),
    CONSTRAINT outbox_ack_outbox_fk FOREIGN KEY (outbox_id) REFERENCES outbox (id) ON DELETE CASCADE
);
COMMENT ON TABLE outbox_ack IS 'Which consumer has applied which event';
COMMENT ON COLUMN outbox_ack.consumer IS 'Such as svc-admin';
COMMENT ON COLUMN outbox_ack.outbox_id IS 'The event''s row';

CREATE TABLE IF NOT EXISTS consumed_event (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    consumed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT consumed_event_pk PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE consumed_event IS 'Events of others that were applied; written with the effect';
COMMENT ON COLUMN consumed_event.consumer IS 'This service';
COMMENT ON COLUMN consumed_event.event_id IS 'The producer''s event';
COMMENT ON COLUMN consumed_event.workspace_id IS 'The tenant; the nil UUID for platform work';
COMMENT ON COLUMN consumed_event.consumed_at IS 'UTC';

CREATE TABLE IF NOT EXISTS job (
    id bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    run_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    lease_owner text,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    last_error text NOT NULL DEFAULT '',
    dead_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT job_pk PRIMARY KEY (id),
    CONSTRAINT job_key_uq UNIQUE (key),
    CONSTRAINT job_attempts_ck CHECK (attempts >= 0)
);
COMMENT ON TABLE job IS 'Durable work; payload holds ids only';
COMMENT ON COLUMN job.id IS 'No order may rely on it';
COMMENT ON COLUMN job.workspace_id IS 'The tenant; the nil UUID for platform work';
COMMENT ON COLUMN job.kind IS 'What to do, such as file.extract';
COMMENT ON COLUMN job.key IS 'One job per key; asking again moves its time';
COMMENT ON COLUMN job.payload IS 'Ids';
COMMENT ON COLUMN job.run_at IS 'UTC; not before it';
COMMENT ON COLUMN job.attempts IS 'How often it was taken since it last went well';
COMMENT ON COLUMN job.lease_owner IS 'The process that has it';
COMMENT ON COLUMN job.lease_epoch IS 'Grows each time it is taken; every write of a worker names it';
COMMENT ON COLUMN job.lease_until IS 'UTC; the worker of lease_epoch has it until then';
COMMENT ON COLUMN job.last_error IS 'Why its last attempt failed; at most 500 characters';
COMMENT ON COLUMN job.dead_at IS 'UTC; set after the last attempt: a person decides';
COMMENT ON COLUMN job.created_at IS 'UTC';
CREATE INDEX IF NOT EXISTS job_due_ix ON job (kind, run_at) WHERE dead_at IS NULL;
CREATE INDEX IF NOT EXISTS job_dead_ix ON job (dead_at, id) WHERE dead_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS idempotency_record (
    workspace_id uuid NOT NULL,
    principal text NOT NULL,
    rpc text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    sealed_answer bytea,
    object text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '24 hours',
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT idempotency_record_pk PRIMARY KEY (workspace_id, principal, rpc, key)
);
COMMENT ON TABLE idempotency_record IS 'First answers of calls with an Idempotency-Key, sealed, for 24 hours';
COMMENT ON COLUMN idempotency_record.workspace_id IS 'The tenant; the nil UUID for platform work';
COMMENT ON COLUMN idempotency_record.principal IS 'Who called: user:<id>, key:<id>';
COMMENT ON COLUMN idempotency_record.rpc IS 'What was called';
COMMENT ON COLUMN idempotency_record.key IS 'The caller''s key';
COMMENT ON COLUMN idempotency_record.body_hash IS 'SHA-256 of the request message, 32 bytes';
COMMENT ON COLUMN idempotency_record.sealed_answer IS 'The answer message, sealed; none where it holds a secret';
COMMENT ON COLUMN idempotency_record.object IS 'What the call made, where its answer held a secret and is not kept';
COMMENT ON COLUMN idempotency_record.expires_at IS 'UTC; forgotten after it';
COMMENT ON COLUMN idempotency_record.xid IS 'The transaction of the effect';
CREATE INDEX IF NOT EXISTS idempotency_record_expiry_ix ON idempotency_record (workspace_id, expires_at);
SELECT {schema}.make_tenant('{schema}.idempotency_record'::regclass);

-- What was told, confirmed or applied is never changed afterwards: only the relay's marks are.
REVOKE ALL ON outbox, outbox_ack, consumed_event FROM {schema}_service;
GRANT SELECT, INSERT, DELETE ON outbox TO {schema}_service;
GRANT UPDATE (sequenced_at, published_at, acked_at) ON outbox TO {schema}_service;
GRANT SELECT, INSERT ON outbox_ack, consumed_event TO {schema}_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON job, idempotency_record TO {schema}_service;
GRANT SELECT ON outbox, outbox_ack, consumed_event, job, idempotency_record TO neipix_verify;
