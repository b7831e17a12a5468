-- A schema like a service's: a tenant table, a partitioned one, a table outside row security.
CREATE TABLE note (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    text text NOT NULL,
    marks text[] NOT NULL DEFAULT '{}',
    seen_at timestamptz,
    CONSTRAINT note_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT note_text_ck CHECK (text <> '')
);
CREATE TABLE tale (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT tale_pk PRIMARY KEY (workspace_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE tally (
    name text NOT NULL,
    n bigint NOT NULL DEFAULT 0,
    CONSTRAINT tally_pk PRIMARY KEY (name)
);
-- Numbers for clients, as svc-chats keeps them.
CREATE TABLE number (
    workspace_id uuid NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT number_pk PRIMARY KEY (workspace_id, seq)
);
CREATE TABLE number_head (
    workspace_id uuid NOT NULL,
    last_seq bigint NOT NULL,
    CONSTRAINT number_head_pk PRIMARY KEY (workspace_id)
);
SELECT make_tenant(t::regclass) FROM unnest(ARRAY['note', 'tale', 'number', 'number_head']) AS t;
SELECT make_partitions('tale');
