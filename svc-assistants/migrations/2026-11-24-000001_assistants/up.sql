-- Assistants and their frozen versions, knowledge files and their passages, and the providers of the platform.

CREATE TABLE assistant (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    status text NOT NULL DEFAULT 'draft',
    name text NOT NULL,
    draft jsonb NOT NULL,
    draft_hash bytea NOT NULL,
    published_version integer NOT NULL DEFAULT 0,
    published_hash bytea,
    etag bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT assistant_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT assistant_status_ck CHECK (status IN ('draft', 'published', 'paused', 'archived')),
    CONSTRAINT assistant_name_ck CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT assistant_version_ck CHECK ((published_version = 0) = (published_hash IS NULL) AND published_version >= 0)
);
COMMENT ON TABLE assistant IS 'Assistants of workspaces: what people edit, and which version answers';
COMMENT ON COLUMN assistant.name IS 'the name in the draft, for lists and search';
COMMENT ON COLUMN assistant.draft IS 'AssistantSpec as proto3 JSON with proto names';
COMMENT ON COLUMN assistant.draft_hash IS 'SHA-256 of the draft as proto bytes; differs from published_hash while there is something to publish';
COMMENT ON COLUMN assistant.published_version IS 'number of the version that answers; 0 = none';
COMMENT ON COLUMN assistant.etag IS 'grows with every write; also the version of its events';
CREATE INDEX assistant_created_ix ON assistant (workspace_id, created_at DESC, id DESC);
CREATE INDEX assistant_updated_ix ON assistant (workspace_id, updated_at DESC, id DESC);
CREATE INDEX assistant_name_ix ON assistant (workspace_id, name, id);

CREATE TABLE assistant_version (
    workspace_id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    number integer NOT NULL,
    frozen bytea NOT NULL,
    row_hash bytea NOT NULL,
    publisher text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT assistant_version_pk PRIMARY KEY (workspace_id, assistant_id, number),
    CONSTRAINT assistant_version_assistant_fk FOREIGN KEY (workspace_id, assistant_id) REFERENCES assistant (workspace_id, id),
    CONSTRAINT assistant_version_number_ck CHECK (number > 0),
    CONSTRAINT assistant_version_hash_ck CHECK (octet_length(row_hash) = 32)
);
COMMENT ON TABLE assistant_version IS 'Frozen versions; append-only: the service has no right to change or delete one';
COMMENT ON COLUMN assistant_version.frozen IS 'AssistantSpec as proto bytes';
COMMENT ON COLUMN assistant_version.row_hash IS 'SHA-256 over workspace, assistant, number (big endian) and frozen';
COMMENT ON COLUMN assistant_version.publisher IS 'user:<id> or key:<id>';

CREATE TABLE knowledge_file (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    name text NOT NULL,
    file_type text NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea,
    object_tag text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'uploading',
    status_deadline timestamptz,
    failure_reason text,
    disabled boolean NOT NULL DEFAULT false,
    replaces uuid,
    valid_from timestamptz,
    valid_to timestamptz,
    run integer NOT NULL DEFAULT 0,
    crashes integer NOT NULL DEFAULT 0,
    passage_count integer NOT NULL DEFAULT 0,
    page_count integer NOT NULL DEFAULT 0,
    etag bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT knowledge_file_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT knowledge_file_assistant_fk FOREIGN KEY (workspace_id, assistant_id) REFERENCES assistant (workspace_id, id),
    CONSTRAINT knowledge_file_replaces_fk FOREIGN KEY (workspace_id, replaces) REFERENCES knowledge_file (workspace_id, id),
    CONSTRAINT knowledge_file_status_ck CHECK (status IN ('uploading', 'queued', 'extracting', 'ready', 'failed', 'deleted')),
    CONSTRAINT knowledge_file_failure_ck CHECK ((status = 'failed') = (failure_reason IS NOT NULL)),
    CONSTRAINT knowledge_file_ready_ck CHECK (status <> 'ready' OR (sha256 IS NOT NULL AND valid_from IS NOT NULL)),
    CONSTRAINT knowledge_file_name_ck CHECK (char_length(name) BETWEEN 1 AND 255),
    CONSTRAINT knowledge_file_size_ck CHECK (size_bytes BETWEEN 1 AND 52428800)
);
COMMENT ON TABLE knowledge_file IS 'Files that assistants answer from; the object''s key in the storage is <workspace>/<id>';
COMMENT ON COLUMN knowledge_file.file_type IS 'what the name''s ending declares: txt, md, html, csv, pdf, docx, xlsx';
COMMENT ON COLUMN knowledge_file.size_bytes IS 'bytes; declared, and checked at confirmation and at extraction';
COMMENT ON COLUMN knowledge_file.sha256 IS 'of the content, taken when it was extracted first';
COMMENT ON COLUMN knowledge_file.object_tag IS 'ETag of the storage at confirmation: another one later means that the object was changed';
COMMENT ON COLUMN knowledge_file.status_deadline IS 'UTC; when the present status ends in failure; NULL = it does not';
COMMENT ON COLUMN knowledge_file.valid_from IS 'UTC; since when answers may come from it';
COMMENT ON COLUMN knowledge_file.valid_to IS 'UTC; up to when: it was deleted or replaced. Its passages stay for the record of past turns';
COMMENT ON COLUMN knowledge_file.run IS 'grows with each extraction; also the version of its passages: a worker that lost its file writes nothing';
COMMENT ON COLUMN knowledge_file.crashes IS 'extractions in a row whose child died';
CREATE INDEX knowledge_file_created_ix ON knowledge_file (workspace_id, assistant_id, created_at DESC, id DESC);
CREATE INDEX knowledge_file_live_ix ON knowledge_file (workspace_id, assistant_id, id)
    WHERE status = 'ready' AND NOT disabled AND valid_to IS NULL;

CREATE TABLE passage (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    file_id uuid NOT NULL,
    version integer NOT NULL,
    n integer NOT NULL,
    page integer NOT NULL,
    start integer NOT NULL,
    headings text[] NOT NULL,
    body text NOT NULL,
    indexed text NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('pg_catalog.russian', translate(indexed, 'ёЁ', 'еЕ'))) STORED,
    CONSTRAINT passage_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT passage_file_fk FOREIGN KEY (workspace_id, file_id) REFERENCES knowledge_file (workspace_id, id),
    CONSTRAINT passage_place_uq UNIQUE (workspace_id, file_id, version, n)
)
-- A search ranks some hundred passages: unpacking each would cost three times the ranking.
WITH (toast_tuple_target = 8160);
COMMENT ON TABLE passage IS 'Pieces of files'' texts; never changed. Vectors will be a column of their own beside search';
COMMENT ON COLUMN passage.version IS 'run of the file that made it';
COMMENT ON COLUMN passage.n IS 'place in the file, from 1';
COMMENT ON COLUMN passage.start IS 'bytes of UTF-8 before it in the page''s text';
COMMENT ON COLUMN passage.search IS 'stems of both languages (the Russian configuration stems Latin words as English ones); ё is read as е';
COMMENT ON COLUMN passage.indexed IS 'the text with its headings and table header: what is searched';
-- An assistant belongs to one workspace: naming that here as well would read the list of its passages a second time.
CREATE INDEX passage_search_ix ON passage USING gin (assistant_id, search);
CREATE INDEX passage_trigram_ix ON passage USING gin (assistant_id, indexed gin_trgm_ops);

CREATE TABLE provider (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    base_url text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    sealed_key bytea,
    key_last4 text NOT NULL DEFAULT '',
    priority integer NOT NULL DEFAULT 100,
    disabled boolean NOT NULL DEFAULT false,
    first_token_timeout_ms integer NOT NULL DEFAULT 0,
    etag bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT provider_kind_ck CHECK (kind IN ('openai_compatible', 'extractive')),
    CONSTRAINT provider_built_in_ck CHECK (kind <> 'extractive' OR NOT disabled),
    CONSTRAINT provider_address_ck CHECK (kind = 'extractive' OR (base_url <> '' AND model <> '')),
    CONSTRAINT provider_priority_ck CHECK (priority BETWEEN 0 AND 1000),
    CONSTRAINT provider_last4_ck CHECK (char_length(key_last4) <= 4)
);
COMMENT ON TABLE provider IS 'AI providers of the platform in the order in which they are tried; platform rows';
COMMENT ON COLUMN provider.model IS 'model name sent to the provider; also the key of the price list';
COMMENT ON COLUMN provider.sealed_key IS 'envelope-encrypted; NULL = no key is sent';
COMMENT ON COLUMN provider.first_token_timeout_ms IS 'milliseconds; 0 = 15,000';
CREATE UNIQUE INDEX provider_extractive_uq ON provider (kind) WHERE kind = 'extractive';
INSERT INTO provider (id, name, kind, priority)
VALUES ('01900000-0000-7000-8000-000000000001', 'Built-in extractive answerer', 'extractive', 1000);

CREATE TABLE provider_attempt (
    id uuid PRIMARY KEY,
    turn_id uuid NOT NULL,
    epoch bigint NOT NULL,
    provider_id uuid NOT NULL,
    model text NOT NULL,
    error text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    first_token_ms integer NOT NULL DEFAULT 0,
    total_ms integer NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    cached_input_tokens bigint NOT NULL DEFAULT 0,
    cache_write_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    estimated boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT provider_attempt_detail_ck CHECK (char_length(detail) <= 2000)
);
COMMENT ON TABLE provider_attempt IS 'For operations only: how each attempt went; the turn''s own record lies in svc-chats';
COMMENT ON COLUMN provider_attempt.error IS 'kind of failure; empty = it went well';
COMMENT ON COLUMN provider_attempt.detail IS 'the provider''s own words, masked and cut; shown to nobody but staff';
COMMENT ON COLUMN provider_attempt.first_token_ms IS 'milliseconds; 0 = none came';
CREATE INDEX provider_attempt_turn_ix ON provider_attempt (turn_id);
CREATE INDEX provider_attempt_provider_ix ON provider_attempt (provider_id, created_at);

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['assistant', 'assistant_version', 'knowledge_file', 'passage']) AS t;
REVOKE UPDATE, DELETE, TRUNCATE ON assistant_version, passage FROM assistants_service;
REVOKE DELETE, TRUNCATE ON assistant, knowledge_file FROM assistants_service;

-- Under row security Postgres uses no index for operators that are not leakproof. The search therefore runs as a role that
-- sees the one table whole, cannot log in and owns nothing else; the tenant stands in the function's own text.
CREATE POLICY search ON passage FOR SELECT TO assistants_search USING (true);
GRANT SELECT ON passage TO assistants_search;

-- Any word of a text, in either language.
CREATE FUNCTION any_word(words text) RETURNS tsquery LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(replace(plainto_tsquery('pg_catalog.russian', translate(words, 'ёЁ', 'еЕ'))::text, ' & ', ' | '), '')::tsquery
$$;
REVOKE ALL ON FUNCTION any_word(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION any_word(text) TO assistants_search;

-- Ranked lists for rank fusion: one list per reading of the question (words), and one per word that stands in none of the
-- passages found so (trigrams, for misspellings: of other words they would only repeat, at a hundred times the price, what
-- the stems have found). `files` are the files that answers may come from now; the caller reads them under its own row
-- security.
CREATE FUNCTION search_passages(assistant uuid, files uuid[], readings text[], words text[], most integer)
RETURNS TABLE (list integer, by_trigram boolean, passage_id uuid, file_id uuid, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = assistants, public, pg_temp
SET pg_trgm.word_similarity_threshold = 0.55
-- With a LIMIT the planner likes to read the table, or a whole workspace by its key, until enough rows fit; for a rare word
-- that is all of it. Bitmaps of the gin indexes are what is left, and what was meant. To plan for one word's trigrams, the
-- statistics' samples are compared with it, which takes longer than the search: one plan serves all words.
SET enable_seqscan = off
SET enable_indexscan = off
SET jit = off
SET plan_cache_mode = force_generic_plan
-- Each stop word would send a notice.
SET client_min_messages = warning
AS $$
DECLARE
    tenant CONSTANT uuid := nullif(current_setting('neipix.workspace_id', true), '')::uuid;
    asked tsquery;
    earlier tsquery[] := '{}';
    vectors tsvector[] := '{}';
    ids uuid[];
    origins uuid[];
    ranks real[];
    texts tsvector[];
    i integer;
BEGIN
    FOR i IN 1 .. least(coalesce(array_length(readings, 1), 0), 8) LOOP
        asked := any_word(readings[i]);
        CONTINUE WHEN asked IS NULL OR asked = ANY (earlier);
        earlier := earlier || asked;
        -- How near the words stand to each other is looked at for the ten that have the most of them: it costs far more.
        -- IS TRUE keeps a condition out of the indexes: the one of the words is what is meant.
        SELECT array_agg(b.id), array_agg(b.file_id), array_agg(b.rank), array_agg(b.search)
        INTO ids, origins, ranks, texts
        FROM (
            SELECT c.id, c.file_id, c.search,
                   c.words + CASE WHEN row_number() OVER () <= 10 THEN ts_rank_cd(c.search, asked, 1) ELSE 0 END AS rank
            FROM (
                SELECT p.id, p.file_id, p.search, ts_rank(p.search, asked, 1) AS words
                FROM passage p
                WHERE (p.workspace_id = tenant) IS TRUE AND p.assistant_id = assistant AND p.search @@ asked
                      AND (p.file_id = ANY (files)) IS TRUE
                ORDER BY 4 DESC, p.id LIMIT most
            ) AS c
            ORDER BY 4 DESC, c.id
        ) AS b;
        RETURN QUERY SELECT i, false, u.id, u.origin, u.rank FROM unnest(ids, origins, ranks) AS u (id, origin, rank);
        vectors := vectors || coalesce(texts, '{}');
    END LOOP;
    FOR i IN 1 .. least(coalesce(array_length(words, 1), 0), 12) LOOP
        asked := any_word(words[i]);
        CONTINUE WHEN asked IS NULL OR EXISTS (SELECT FROM unnest(vectors) AS v WHERE v @@ asked);
        RETURN QUERY
            SELECT i, true, c.id, c.file_id, word_similarity(words[i], c.indexed)
            FROM (SELECT p.id, p.file_id, p.indexed FROM passage p
                  WHERE (p.workspace_id = tenant) IS TRUE AND p.assistant_id = assistant AND p.indexed %> words[i]
                        AND (p.file_id = ANY (files)) IS TRUE
                  LIMIT 4 * most) AS c
            ORDER BY 5 DESC, c.id LIMIT most;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION search_passages(uuid, uuid[], text[], text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_passages(uuid, uuid[], text[], text[], integer) TO assistants_service;

-- Giving a function away wants membership in the new owner and its right to create; both end right here.
DO $$ BEGIN
    EXECUTE format('GRANT assistants_search TO %I', current_user);
    GRANT CREATE ON SCHEMA assistants TO assistants_search;
    ALTER FUNCTION search_passages(uuid, uuid[], text[], text[], integer) OWNER TO assistants_search;
    REVOKE CREATE ON SCHEMA assistants FROM assistants_search;
    EXECUTE format('REVOKE assistants_search FROM %I', current_user);
END $$;
