-- The web widget: channels on customers' own sites, and their visitors.
ALTER TABLE channel DROP CONSTRAINT channel_kind_ck,
    ADD CONSTRAINT channel_kind_ck CHECK (kind IN ('api', 'telegram', 'widget'));
ALTER TABLE contact_identity DROP CONSTRAINT contact_identity_kind_ck,
    ADD CONSTRAINT contact_identity_kind_ck CHECK (kind IN ('telegram', 'visitor', 'api', 'email', 'phone', 'user'));
COMMENT ON COLUMN contact_identity.kind IS 'user: `sub` of an identity token, vouched for by the company''s own server';

ALTER TABLE message ADD COLUMN client_id uuid;
COMMENT ON COLUMN message.client_id IS 'the id that its writer''s client gave it';

CREATE TABLE widget (
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    origins text[] NOT NULL,
    locale text NOT NULL DEFAULT '',
    title text NOT NULL DEFAULT '',
    greeting text NOT NULL DEFAULT '',
    accent text NOT NULL DEFAULT '',
    side text NOT NULL DEFAULT '',
    scheme text NOT NULL DEFAULT '',
    require_identity boolean NOT NULL DEFAULT false,
    secrets_made integer NOT NULL DEFAULT 0,
    CONSTRAINT widget_pk PRIMARY KEY (workspace_id, channel_id),
    CONSTRAINT widget_channel_fk FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id),
    CONSTRAINT widget_origins_ck CHECK (cardinality(origins) BETWEEN 1 AND 50),
    CONSTRAINT widget_look_ck CHECK (locale IN ('', 'ru', 'en') AND side IN ('', 'left', 'right') AND scheme IN ('', 'light', 'dark'))
);
COMMENT ON TABLE widget IS 'What a channel of kind widget has beside others';
COMMENT ON COLUMN widget.key IS 'public; names the widget in pages';
COMMENT ON COLUMN widget.origins IS 'the sites that may embed it: exact, or every name below one';
COMMENT ON COLUMN widget.secrets_made IS 'counts identity secrets, for their kid';

CREATE TABLE widget_secret (
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    kid text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT widget_secret_pk PRIMARY KEY (workspace_id, channel_id, kid),
    CONSTRAINT widget_secret_widget_fk FOREIGN KEY (workspace_id, channel_id) REFERENCES widget (workspace_id, channel_id)
);
COMMENT ON TABLE widget_secret IS 'What the site''s server signs its visitors'' identity with; the newest two are good';
COMMENT ON COLUMN widget_secret.sealed IS 'envelope-encrypted: signatures are checked with the secret itself';

CREATE TABLE widget_route (
    key text COLLATE "C" NOT NULL,
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    CONSTRAINT widget_route_pk PRIMARY KEY (key)
);
COMMENT ON TABLE widget_route IS 'From a widget''s public key to its channel';

CREATE TABLE visitor (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    origin text NOT NULL,
    sub text COLLATE "C",
    token_hash bytea NOT NULL,
    token_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    token_used boolean NOT NULL DEFAULT false,
    former_hash bytea,
    former_until timestamptz,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT visitor_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT visitor_channel_fk FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id),
    CONSTRAINT visitor_hash_ck CHECK (octet_length(token_hash) = 32 AND octet_length(former_hash) = 32)
);
COMMENT ON TABLE visitor IS 'A browser that talks to a widget; who the person is, its contact says';
COMMENT ON COLUMN visitor.origin IS 'the site that the token belongs to';
COMMENT ON COLUMN visitor.sub IS 'who the site''s server says it is; NULL = anonymous';
COMMENT ON COLUMN visitor.token_hash IS 'SHA-256 of the token';
COMMENT ON COLUMN visitor.token_at IS 'UTC; when that token was made';
COMMENT ON COLUMN visitor.token_used IS 'the browser has come with it: the former one ends';
COMMENT ON COLUMN visitor.former_hash IS 'of the token before: the answer with the new one may have been lost';
COMMENT ON COLUMN visitor.former_until IS 'UTC; other tabs may still come with the former one until then';
COMMENT ON COLUMN visitor.seen_at IS 'UTC; last exchange: thirty days later the token is dead';
COMMENT ON COLUMN visitor.revoked_at IS 'UTC; the person has logged out of the site';
CREATE UNIQUE INDEX visitor_token_uq ON visitor (workspace_id, token_hash);
CREATE INDEX visitor_former_ix ON visitor (workspace_id, former_hash) WHERE former_hash IS NOT NULL;

CREATE TABLE contact_merge (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    visitor_id uuid NOT NULL,
    from_contact_id uuid NOT NULL,
    into_contact_id uuid NOT NULL,
    identities jsonb NOT NULL,
    conversations uuid[] NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT contact_merge_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT contact_merge_from_fk FOREIGN KEY (workspace_id, from_contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT contact_merge_into_fk FOREIGN KEY (workspace_id, into_contact_id) REFERENCES contact (workspace_id, id)
);
COMMENT ON TABLE contact_merge IS 'What was moved when an anonymous contact turned out to be a known person: enough to move it back';
COMMENT ON COLUMN contact_merge.identities IS 'kind, scope and value of each that was moved';

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['widget', 'widget_secret', 'visitor', 'contact_merge']) AS t;
REVOKE DELETE, TRUNCATE ON widget, visitor FROM chats_service;
REVOKE UPDATE, DELETE, TRUNCATE ON contact_merge FROM chats_service;
