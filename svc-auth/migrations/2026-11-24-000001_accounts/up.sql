-- Accounts, sessions, keys. Platform rows have no workspace; workspace, membership and api_key are tenant tables.

CREATE TABLE user_account (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    email_key text NOT NULL,
    name text NOT NULL,
    locale text NOT NULL DEFAULT 'ru',
    blocked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT user_account_email_uq UNIQUE (email_key),
    CONSTRAINT user_account_locale_ck CHECK (locale IN ('ru', 'en'))
);
COMMENT ON TABLE user_account IS 'People with an account';
COMMENT ON COLUMN user_account.email_key IS 'the address in lower case, for look-ups';
CREATE INDEX user_account_search_ix ON user_account USING gin ((lower(email) || ' ' || lower(name)) public.gin_trgm_ops);

CREATE TABLE credential (
    user_id uuid PRIMARY KEY REFERENCES user_account (id),
    password_hash text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE credential IS 'Argon2id hashes, in their own table so that lists never touch them';

CREATE TABLE platform_role (
    user_id uuid PRIMARY KEY REFERENCES user_account (id),
    role text NOT NULL,
    CONSTRAINT platform_role_ck CHECK (role IN ('superadmin', 'admin', 'billing', 'support', 'content'))
);
COMMENT ON TABLE platform_role IS 'Neipix''s own people';

CREATE TABLE registration (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    email_key text NOT NULL,
    name text NOT NULL,
    workspace_name text NOT NULL,
    locale text NOT NULL,
    password_hash text NOT NULL,
    code_hmac bytea NOT NULL,
    sealed_code bytea,
    known boolean NOT NULL,
    sends integer NOT NULL DEFAULT 1,
    tries integer NOT NULL DEFAULT 0,
    used_at timestamptz,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX registration_email_ix ON registration (email_key, created_at);
CREATE INDEX registration_expires_ix ON registration (expires_at);
COMMENT ON TABLE registration IS 'Registrations that wait for their code';
COMMENT ON COLUMN registration.known IS 'the address had an account: the letter says so, and no code works';
COMMENT ON COLUMN registration.sealed_code IS 'sealed, until the letter is sent';
COMMENT ON COLUMN registration.tries IS 'wrong codes; five end it';
COMMENT ON COLUMN registration.expires_at IS 'UTC';

CREATE TABLE session (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES user_account (id),
    workspace_id uuid,
    surface text NOT NULL,
    remember boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    revoked_why text NOT NULL DEFAULT '',
    CONSTRAINT session_surface_ck CHECK (surface IN ('app', 'admin', 'api'))
);
COMMENT ON TABLE session IS 'Log-ins; one is a refresh-token family';
COMMENT ON COLUMN session.workspace_id IS 'the current workspace; NULL on the staff''s panel';
CREATE INDEX session_user_ix ON session (user_id) WHERE revoked_at IS NULL;

CREATE TABLE refresh_token (
    hash bytea PRIMARY KEY,
    family_id uuid NOT NULL REFERENCES session (id),
    generation integer NOT NULL,
    successor_kid text,
    used_at timestamptz,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE refresh_token IS 'SHA-256 of refresh tokens; the successor is derived, never stored';
COMMENT ON COLUMN refresh_token.successor_kid IS 'key id that the successor was derived with, so that a repeat gives the same';
CREATE INDEX refresh_token_family_ix ON refresh_token (family_id, generation);
CREATE INDEX refresh_token_expires_ix ON refresh_token (expires_at);
CREATE UNIQUE INDEX refresh_token_one_unused_uq ON refresh_token (family_id) WHERE used_at IS NULL;

CREATE TABLE socket_ticket (
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL,
    claims jsonb NOT NULL,
    used_at timestamptz,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE socket_ticket IS 'Single-use tickets of sockets';
COMMENT ON COLUMN socket_ticket.claims IS 'ids of who asked and where; rights are read anew when the ticket is spent';
CREATE INDEX socket_ticket_expires_ix ON socket_ticket (expires_at);

CREATE TABLE signing_key (
    kid text PRIMARY KEY,
    sealed bytea NOT NULL,
    public_key bytea NOT NULL,
    signs_from timestamptz NOT NULL,
    retired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE signing_key IS 'Ed25519 keys of access tokens, sealed';
COMMENT ON COLUMN signing_key.signs_from IS 'UTC; published before it, so that every verifier knows the key when it begins to sign';
COMMENT ON COLUMN signing_key.retired_at IS 'UTC; after it the key is published no more';

CREATE TABLE revocation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    subject jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT revocation_kind_ck CHECK (kind IN ('session', 'membership', 'key', 'workspace'))
);
COMMENT ON TABLE revocation IS 'What ended before its time; read by every process for 15 minutes';
CREATE INDEX revocation_at_ix ON revocation (at);

CREATE TABLE login_failure (
    account_key bytea PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL
);
COMMENT ON TABLE login_failure IS 'Wrong passwords by hash of the address, known or not, or of a device that signed in before; forgotten after an hour';

CREATE TABLE workspace (
    workspace_id uuid PRIMARY KEY,
    name text NOT NULL,
    blocked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE workspace IS 'Customer companies';

CREATE TABLE membership (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    custom_role_id uuid,
    mv bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT membership_pk PRIMARY KEY (workspace_id, user_id),
    CONSTRAINT membership_role_ck CHECK (role IN ('owner', 'manager', 'operator', 'viewer', 'custom'))
);
COMMENT ON TABLE membership IS 'Who is in a workspace, as what';
COMMENT ON COLUMN membership.mv IS 'membership version; a newer one beats the role in a token';
CREATE INDEX membership_user_ix ON membership (user_id);

CREATE TABLE api_key (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    permissions text[] NOT NULL,
    assistant_id uuid,
    maker_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_key_pk PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE api_key IS 'API keys without their secrets';
COMMENT ON COLUMN api_key.last_used_at IS 'UTC, to the minute';

CREATE TABLE api_key_route (
    hash bytea PRIMARY KEY,
    workspace_id uuid NOT NULL,
    id uuid NOT NULL
);
COMMENT ON TABLE api_key_route IS 'SHA-256 of a key to its row';

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['workspace', 'api_key']) AS t;
ALTER TABLE membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE membership FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON membership
    USING (workspace_id = nullif(current_setting('neipix.workspace_id', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('neipix.workspace_id', true), '')::uuid);
-- A person may read the own memberships, whatever the current workspace is.
CREATE POLICY own ON membership FOR SELECT
    USING (user_id = nullif(current_setting('neipix.user_id', true), '')::uuid);
CREATE POLICY own ON workspace FOR SELECT USING (EXISTS (
    SELECT 1 FROM membership m WHERE m.workspace_id = workspace.workspace_id
    AND m.user_id = nullif(current_setting('neipix.user_id', true), '')::uuid));
REVOKE DELETE ON user_account, credential, platform_role, session, signing_key, workspace, membership, api_key, api_key_route
    FROM auth_service;
REVOKE UPDATE ON revocation, api_key_route FROM auth_service;
