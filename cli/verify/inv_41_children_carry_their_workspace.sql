-- INV-41: a foreign key between two tenant tables includes the workspace on both sides.
SELECT k.conname AS foreign_key, k.conrelid::regclass::text AS child, k.confrelid::regclass::text AS parent
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute child ON child.attrelid = k.conrelid AND child.attname = 'workspace_id'
JOIN pg_attribute parent ON parent.attrelid = k.confrelid AND parent.attname = 'workspace_id'
WHERE k.contype = 'f' AND n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin')
  AND NOT (child.attnum = ANY (k.conkey) AND parent.attnum = ANY (k.confkey))
