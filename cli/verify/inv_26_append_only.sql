-- INV-26: no service role can change or remove transfers, postings or audit records, partitions included.
SELECT n.nspname AS schema, c.relname AS name, r.rolname AS role, p.privilege
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_roles r
CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (privilege)
WHERE r.rolname LIKE '%\_service'
  AND ((n.nspname = 'billing' AND (c.relname LIKE 'transfer%' OR c.relname LIKE 'posting%') AND c.relname NOT LIKE 'transfer_key%')
    OR (n.nspname = 'admin' AND c.relname LIKE 'audit_record%'))
  AND c.relkind IN ('r', 'p')
  AND has_table_privilege(r.oid, c.oid, p.privilege)
