-- INV-53: every workspace has an owner.
SELECT w.workspace_id
FROM auth.workspace w
WHERE NOT EXISTS (SELECT 1 FROM auth.membership m WHERE m.workspace_id = w.workspace_id AND m.role = 'owner')
