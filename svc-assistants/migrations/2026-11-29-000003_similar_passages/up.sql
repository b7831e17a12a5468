-- The half of a search that needs an index which row security would shut out: passages with words like these, by trigrams.
-- The other half adds up lists of words, which a process remembers. `search_passages` stays for processes of the former
-- version.

-- The library's settings are known once it is loaded.
SELECT word_similarity('', '');
CREATE FUNCTION similar_passages(assistant uuid, files uuid[], words text[], most integer)
RETURNS TABLE (word text, file_id uuid, version integer, n integer, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = assistants, public, pg_temp
SET pg_trgm.word_similarity_threshold = 0.55
-- With a LIMIT the planner likes to read the table until enough rows fit; for a rare word that is all of it. One plan serves
-- all words: to plan for one, the statistics' samples are compared with it, which takes longer than the search.
SET enable_seqscan = off
SET enable_indexscan = off
SET enable_bitmapscan = on
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    tenant CONSTANT uuid := nullif(current_setting('neipix.workspace_id', true), '')::uuid;
    i integer;
BEGIN
    FOR i IN 1 .. least(coalesce(array_length(words, 1), 0), 12) LOOP
        -- IS TRUE keeps a condition out of the indexes: the one of the trigrams is what is meant.
        RETURN QUERY
            SELECT words[i], c.file_id, c.version, c.n, word_similarity(words[i], c.indexed)
            FROM (SELECT p.file_id, p.version, p.n, p.indexed FROM passage p
                  WHERE (p.workspace_id = tenant) IS TRUE AND p.assistant_id = assistant AND p.indexed %> words[i]
                        AND (p.file_id = ANY (files)) IS TRUE
                  LIMIT 4 * most) AS c
            ORDER BY 5 DESC, c.file_id, c.n LIMIT most;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION similar_passages(uuid, uuid[], text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION similar_passages(uuid, uuid[], text[], integer) TO assistants_service;

-- Giving a function away wants membership in the new owner and its right to create; both end right here.
DO $$ BEGIN
    EXECUTE format('GRANT assistants_search TO %I', current_user);
    GRANT CREATE ON SCHEMA assistants TO assistants_search;
    ALTER FUNCTION similar_passages(uuid, uuid[], text[], integer) OWNER TO assistants_search;
    REVOKE CREATE ON SCHEMA assistants FROM assistants_search;
    EXECUTE format('REVOKE assistants_search FROM %I', current_user);
END $$;
