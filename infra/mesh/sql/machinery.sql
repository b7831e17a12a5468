-- What every service's schema has before its own migrations: roles, tenant functions, outbox, jobs, idempotency records.
-- {schema} is the schema's name. Runs at each start of a migration, so every statement suits a second run.

DO $$ BEGIN
    BEGIN CREATE ROLE {schema}_service NOLOGIN NOINHERIT; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    BEGIN CREATE ROLE {schema}_search NOLOGIN NOINHERIT; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    BEGIN CREATE ROLE neipix_verify NOLOGIN NOINHERIT BYPASSRLS; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
END $$;
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
GRANT USAGE ON SCHEMA {schema} TO {schema}_service, {schema}_search, neipix_verify;
ALTER ROLE {schema}_service SET search_path = {schema}, public;
ALTER ROLE {schema}_search SET search_path = {schema}, public;
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema}_service;
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO neipix_verify;
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {schema}_service;
SET search_path = {schema}, public;

-- Row security of a tenant table: a missing context reads nothing; after one use the setting of a pooled connection is the
-- empty string, hence nullif.
CREATE OR REPLACE FUNCTION {schema}.make_tenant(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    IF NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = relation AND polname = 'tenant') THEN
        EXECUTE format($policy$CREATE POLICY tenant ON %s
            USING (workspace_id = nullif(current_setting('neipix.workspace_id', true), '')::uuid)
            WITH CHECK (workspace_id = nullif(current_setting('neipix.workspace_id', true), '')::uuid)$policy$, relation);
    END IF;
END $$;

-- The smallest UUIDv7 of an instant: bounds of partitions by month.
CREATE OR REPLACE FUNCTION {schema}.uuid_v7_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70000000000000000000')::uuid
$$;

-- Partitions of a table by the month of its UUIDv7 key: from last month to `ahead` months from now, and a default one that
-- stays empty. Of the owner; the service may call it, and owns nothing.
CREATE OR REPLACE FUNCTION {schema}.make_partitions(parent text, ahead integer DEFAULT 3) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    month timestamptz;
    child text;
BEGIN
    IF parent !~ '^[a-z_]+$' THEN RAISE EXCEPTION 'not a table: %', parent; END IF;
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
                               date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead), interval '1 month')
               AT TIME ZONE 'UTC'
    LOOP
        child := parent || '_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass('{schema}.' || child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                {schema}.uuid_v7_floor(month), {schema}.uuid_v7_floor(month + interval '1 month'));
            PERFORM {schema}.close_partition(child);
        END IF;
    END LOOP;
    child := parent || '_default';
    IF to_regclass('{schema}.' || child) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', child, parent);
        PERFORM {schema}.close_partition(child);
    END IF;
END $$;

-- A partition is reached through its parent only.
CREATE OR REPLACE FUNCTION {schema}.close_partition(child text) RETURNS void LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    PERFORM {schema}.make_tenant(child::regclass);
    EXECUTE format('REVOKE ALL ON %I FROM {schema}_service, {schema}_search', child);
END $$;
REVOKE ALL ON FUNCTION {schema}.make_partitions(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.make_partitions(text, integer) TO {schema}_service;

CREATE TABLE IF NOT EXISTS outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    acked_at timestamptz
);
COMMENT ON TABLE outbox IS 'Events committed with their change; ids only. Rows stay until every consumer has confirmed them';
COMMENT ON COLUMN outbox.shard IS 'first byte of SHA-256(workspace) modulo 64';
COMMENT ON COLUMN outbox.sequenced_at IS 'UTC; when the relay gave it a number for clients';
COMMENT ON COLUMN outbox.published_at IS 'UTC; last time it was put into Redis';
COMMENT ON COLUMN outbox.acked_at IS 'UTC; when the last consumer confirmed it';
CREATE INDEX IF NOT EXISTS outbox_unpublished_ix ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_unacked_ix ON outbox (published_at) WHERE acked_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_acked_ix ON outbox (acked_at) WHERE acked_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS outbox_ack (
    consumer text NOT NULL,
    outbox_id bigint NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    CONSTRAINT outbox_ack_pk PRIMARY KEY (outbox_id, consumer)
);
COMMENT ON TABLE outbox_ack IS 'Which consumer has applied which event';

CREATE TABLE IF NOT EXISTS consumed_event (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    consumed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT consumed_event_pk PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE consumed_event IS 'Events of others that were applied; written with the effect';

CREATE TABLE IF NOT EXISTS job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    CONSTRAINT job_key_uq UNIQUE (key)
);
COMMENT ON TABLE job IS 'Durable work; payload holds ids only';
COMMENT ON COLUMN job.run_at IS 'UTC; not before it';
COMMENT ON COLUMN job.lease_until IS 'UTC; the worker of lease_epoch has it until then';
COMMENT ON COLUMN job.dead_at IS 'UTC; set after the last attempt: a person decides';
CREATE INDEX IF NOT EXISTS job_due_ix ON job (kind, run_at) WHERE dead_at IS NULL;

CREATE TABLE IF NOT EXISTS idempotency_record (
    workspace_id uuid NOT NULL,
    principal text NOT NULL,
    rpc text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    sealed_answer bytea,
    object text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '24 hours',
    CONSTRAINT idempotency_record_pk PRIMARY KEY (workspace_id, principal, rpc, key)
);
COMMENT ON TABLE idempotency_record IS 'First answers of calls with an Idempotency-Key, sealed, for 24 hours';
COMMENT ON COLUMN idempotency_record.object IS 'what the call made, where its answer held a secret and is not kept';
SELECT {schema}.make_tenant('idempotency_record'::regclass);

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, outbox_ack, consumed_event, job, idempotency_record TO {schema}_service;
GRANT SELECT ON outbox, outbox_ack, consumed_event, job, idempotency_record TO neipix_verify;
