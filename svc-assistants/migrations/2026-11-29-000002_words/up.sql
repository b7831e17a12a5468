-- Which passages of a file have a word, as lists: a search reads one row per word and file instead of each passage that has
-- one of its words, which took most of its time.
CREATE TABLE passage_word (
    workspace_id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    lexeme text COLLATE "C" NOT NULL,
    file_id uuid NOT NULL,
    version integer NOT NULL,
    places integer[] NOT NULL,
    weights real[] NOT NULL,
    CONSTRAINT passage_word_pk PRIMARY KEY (workspace_id, assistant_id, lexeme, file_id, version),
    CONSTRAINT passage_word_file_fk FOREIGN KEY (workspace_id, file_id) REFERENCES knowledge_file (workspace_id, id)
);
COMMENT ON TABLE passage_word IS 'Passages by word, made when a file becomes ready; never changed';
COMMENT ON COLUMN passage_word.lexeme IS 'as it stands in passage.search';
COMMENT ON COLUMN passage_word.places IS 'passage.n of those that have it';
COMMENT ON COLUMN passage_word.weights IS 'beside each place: how much it says about it, by the word''s count there and the passage''s length (BM25 without the word''s rarity; k 1.2, b 0.75)';

CREATE FUNCTION write_words(workspace uuid, file uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO passage_word (workspace_id, assistant_id, lexeme, file_id, version, places, weights)
    SELECT p.workspace_id, p.assistant_id, w.lexeme, p.file_id, p.version, array_agg(p.n ORDER BY p.n),
           array_agg((2.2 * c.count / (c.count + 1.2 * (0.25 + 0.75 * p.words / p.usual)))::real ORDER BY p.n)
    FROM (SELECT *, length(search)::real AS words, greatest(avg(length(search)) OVER (PARTITION BY version), 1)::real AS usual
          FROM passage WHERE workspace_id = workspace AND file_id = file) AS p,
         unnest(p.search) AS w, LATERAL (SELECT greatest(cardinality(w.positions), 1)::real) AS c (count)
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT DO NOTHING
$$;

-- Behind all statements of the transaction: whichever of them wrote the passages. A process of the former version writes the
-- words just so.
CREATE FUNCTION file_is_ready() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM write_words(NEW.workspace_id, NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER file_is_ready AFTER INSERT OR UPDATE OF status ON knowledge_file DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'ready') EXECUTE FUNCTION file_is_ready();
REVOKE ALL ON FUNCTION write_words(uuid, uuid), file_is_ready() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION write_words(uuid, uuid), file_is_ready() TO assistants_service;

-- Files that are ready already. Row security holds for the owner too, but for this once.
ALTER TABLE passage NO FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_file NO FORCE ROW LEVEL SECURITY;
SELECT write_words(workspace_id, id) FROM knowledge_file WHERE status = 'ready';
ALTER TABLE passage FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_file FORCE ROW LEVEL SECURITY;

SELECT make_tenant('passage_word');
REVOKE UPDATE, DELETE, TRUNCATE ON passage_word FROM assistants_service;
CREATE POLICY search ON passage_word FOR SELECT TO assistants_search USING (true);
GRANT SELECT ON passage_word TO assistants_search;

-- The library's settings are known once it is loaded.
SELECT word_similarity('', '');
-- Replacing a function wants membership in its owner, which ends below.
DO $$ BEGIN
    EXECUTE format('GRANT assistants_search TO %I', current_user);
    GRANT CREATE ON SCHEMA assistants TO assistants_search;
END $$;

-- As before, but that the words of a reading are looked up instead of looked for, and that a word is looked for by its
-- trigrams where no passage of the files has it.
CREATE OR REPLACE FUNCTION search_passages(assistant uuid, files uuid[], readings text[], words text[], most integer)
RETURNS TABLE (list integer, by_trigram boolean, passage_id uuid, file_id uuid, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = assistants, public, pg_temp
SET pg_trgm.word_similarity_threshold = 0.55
SET enable_seqscan = off
SET enable_indexscan = off
SET enable_bitmapscan = on
SET jit = off
SET plan_cache_mode = force_generic_plan
SET client_min_messages = warning
AS $$
DECLARE
    tenant CONSTANT uuid := nullif(current_setting('neipix.workspace_id', true), '')::uuid;
    asked tsquery;
    earlier tsquery[] := '{}';
    lexemes text[];
    known text[] := '{}';
    there text[];
    i integer;
BEGIN
    FOR i IN 1 .. least(coalesce(array_length(readings, 1), 0), 8) LOOP
        lexemes := tsvector_to_array(to_tsvector('pg_catalog.russian', translate(readings[i], 'ёЁ', 'еЕ')));
        CONTINUE WHEN cardinality(lexemes) = 0;
        SELECT string_agg('''' || replace(replace(l, '\', '\\'), '''', '''''') || '''', '|' ORDER BY l) INTO asked
        FROM unnest(lexemes) AS l;
        CONTINUE WHEN asked = ANY (earlier);
        earlier := earlier || asked;
        SELECT array_agg(DISTINCT w.lexeme) INTO there FROM passage_word w
        WHERE w.workspace_id = tenant AND w.assistant_id = assistant AND w.lexeme = ANY (lexemes) AND w.file_id = ANY (files);
        CONTINUE WHEN there IS NULL;
        known := known || there;
        -- A word that many passages have tells little about any of them. How near the words stand to each other is looked at
        -- for the ten that have the most of them: it costs far more.
        RETURN QUERY
            WITH entry AS MATERIALIZED (
                SELECT w.file_id, w.version, w.places, w.weights,
                       1 / ln(2 + sum(cardinality(w.places)) OVER (PARTITION BY w.lexeme))::real AS rarity
                FROM passage_word w
                WHERE w.workspace_id = tenant AND w.assistant_id = assistant AND w.lexeme = ANY (there) AND w.file_id = ANY (files)
            ), best AS MATERIALIZED (
                SELECT e.file_id, e.version, u.n, sum(u.weight * e.rarity) AS score
                FROM entry e, unnest(e.places, e.weights) AS u (n, weight)
                GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 3 LIMIT most
            )
            SELECT i, false, p.id, p.file_id, (b.score * (1 + CASE WHEN b.place <= 10 THEN ts_rank_cd(p.search, asked, 1) ELSE 0 END))::real
            FROM (SELECT *, row_number() OVER (ORDER BY best.score DESC, best.file_id, best.n) AS place FROM best) AS b
            JOIN passage p ON p.workspace_id = tenant AND p.file_id = b.file_id AND p.version = b.version AND p.n = b.n
            WHERE p.assistant_id = assistant;
    END LOOP;
    FOR i IN 1 .. least(coalesce(array_length(words, 1), 0), 12) LOOP
        -- The configuration's own dictionaries, without its parser where the word is plain.
        lexemes := CASE
            WHEN words[i] ~ '^[а-яё]+$' THEN ts_lexize('pg_catalog.russian_stem', translate(words[i], 'ё', 'е'))
            WHEN words[i] ~ '^[a-z]+$' THEN ts_lexize('pg_catalog.english_stem', words[i])
            ELSE tsvector_to_array(to_tsvector('pg_catalog.russian', translate(words[i], 'ёЁ', 'еЕ')))
        END;
        CONTINUE WHEN cardinality(lexemes) = 0 OR lexemes && known;
        -- IS TRUE keeps a condition out of the indexes: the one of the trigrams is what is meant.
        RETURN QUERY
            SELECT i, true, c.id, c.file_id, word_similarity(words[i], c.indexed)
            FROM (SELECT p.id, p.file_id, p.indexed FROM passage p
                  WHERE (p.workspace_id = tenant) IS TRUE AND p.assistant_id = assistant AND p.indexed %> words[i]
                        AND (p.file_id = ANY (files)) IS TRUE
                  LIMIT 4 * most) AS c
            ORDER BY 5 DESC, c.id LIMIT most;
    END LOOP;
END $$;

DO $$ BEGIN
    REVOKE CREATE ON SCHEMA assistants FROM assistants_search;
    EXECUTE format('REVOKE assistants_search FROM %I', current_user);
END $$;

-- Nothing asks it any more.
DROP INDEX passage_search_ix;
