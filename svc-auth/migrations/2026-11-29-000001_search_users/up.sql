-- The newest ones that fit: with the LIMIT alone the planner likes to go through all accounts from the newest on.
CREATE OR REPLACE FUNCTION search_users(pattern text) RETURNS SETOF uuid LANGUAGE sql STABLE
SET enable_seqscan = off
SET enable_indexscan = off
SET enable_bitmapscan = on
AS $$ SELECT id FROM user_account WHERE lower(email) || ' ' || lower(name) LIKE pattern ORDER BY id DESC LIMIT 200 $$;
