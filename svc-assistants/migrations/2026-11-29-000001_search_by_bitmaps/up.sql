-- Connections of services do without bitmaps; the gin indexes of the search have nothing else. Changing a function wants
-- membership in its owner, which ends right here.
DO $$ BEGIN
    EXECUTE format('GRANT assistants_search TO %I', current_user);
    ALTER FUNCTION search_passages(uuid, uuid[], text[], text[], integer) SET enable_bitmapscan = on;
    EXECUTE format('REVOKE assistants_search FROM %I', current_user);
END $$;
