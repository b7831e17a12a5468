-- The audit trail (one hash chain per workspace and one for the platform) and the read models of the platform's lists.

CREATE TABLE audit_record (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL,
    service text NOT NULL,
    event_id uuid NOT NULL,
    actor text NOT NULL,
    on_behalf_of text NOT NULL DEFAULT '',
    action text NOT NULL,
    object text NOT NULL,
    reason text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    happened_at timestamptz NOT NULL,
    commitment bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_record_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT audit_record_hash_ck CHECK (octet_length(hash) = 32 AND octet_length(prev_hash) = 32 AND octet_length(commitment) = 32)
) PARTITION BY RANGE (id);
COMMENT ON TABLE audit_record IS 'Append-only; hash = SHA-256 over prev_hash and the canonical record, see audit/chain';
COMMENT ON COLUMN audit_record.seq IS 'place in the chain of the workspace (nil = platform), dense from 1';
COMMENT ON COLUMN audit_record.commitment IS 'SHA-256(salt || detail); detail and salt lie in audit_detail and can be erased without touching the chain';
COMMENT ON COLUMN audit_record.happened_at IS 'UTC, by the clock of the database where it happened';
CREATE INDEX audit_record_seq_ix ON audit_record (workspace_id, seq DESC);
CREATE INDEX audit_record_object_ix ON audit_record (workspace_id, object, seq DESC);
CREATE INDEX audit_record_actor_ix ON audit_record (workspace_id, actor, seq DESC);

CREATE TABLE audit_head (
    workspace_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL
);
COMMENT ON TABLE audit_head IS 'End of each chain; moves only forward';

CREATE TABLE audit_detail (
    workspace_id uuid NOT NULL,
    event_id uuid NOT NULL,
    salt bytea NOT NULL,
    detail text NOT NULL,
    CONSTRAINT audit_detail_pk PRIMARY KEY (workspace_id, event_id)
);
COMMENT ON TABLE audit_detail IS 'Before and after, secrets masked, as JSON; erasure deletes rows here';

CREATE TABLE directory_user (
    user_id uuid PRIMARY KEY,
    platform_role text NOT NULL DEFAULT '',
    blocked boolean NOT NULL DEFAULT false,
    registered_at timestamptz NOT NULL
);
COMMENT ON TABLE directory_user IS 'Platform rows: ids, states and dates of users, filled by events; names and e-mails stay with svc-auth';

CREATE TABLE directory_workspace (
    workspace_id uuid PRIMARY KEY,
    owner_user_id uuid,
    available_micro_pix bigint NOT NULL DEFAULT 0,
    wallet_version bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE directory_workspace IS 'Without row security, for platform.* rpcs only: ids, sums, dates, no content';
COMMENT ON COLUMN directory_workspace.available_micro_pix IS 'micro-pix; as the last wallet event told';
COMMENT ON COLUMN directory_workspace.wallet_version IS 'version of the wallet behind the sum; older events are passed over';
CREATE INDEX directory_workspace_owner_ix ON directory_workspace (owner_user_id, created_at);

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['audit_record', 'audit_head', 'audit_detail']) AS t;
SELECT make_partitions('audit_record');
REVOKE UPDATE, DELETE, TRUNCATE ON audit_record FROM admin_service;
REVOKE DELETE, TRUNCATE ON audit_head FROM admin_service;
