-- INV-40: every table and partition with a workspace has row security enabled and forced, but for the listed machinery and
-- route tables; service roles own nothing and cannot pass row security by.
SELECT n.nspname AS schema, c.relname AS name, 'row security is not forced' AS problem
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
WHERE n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin')
  AND c.relkind IN ('r', 'p')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
  AND c.relname NOT IN ('outbox', 'consumed_event', 'job', 'api_key_route', 'hook_route', 'bot_route', 'widget_route')
  AND NOT (n.nspname = 'auth' AND c.relname IN ('session'))
  AND NOT (n.nspname = 'admin' AND c.relname = 'directory_workspace')
UNION ALL
SELECT '', rolname, 'a service role passes row security by' FROM pg_roles
WHERE rolname LIKE '%\_service' AND (rolbypassrls OR rolsuper)
UNION ALL
SELECT n.nspname, c.relname, 'owned by a service role'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
WHERE n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin') AND r.rolname LIKE '%\_service'
