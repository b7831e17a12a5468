-- INV-23: each transfer of a turn stands behind exactly one key, and each key that names a transfer has it.
SELECT k.workspace_id, k.key, k.transfer_id
FROM billing.transfer_key k
LEFT JOIN billing.transfer t ON t.workspace_id = k.workspace_id AND t.id = k.transfer_id
WHERE k.transfer_id IS NOT NULL AND t.id IS NULL
UNION ALL
SELECT t.workspace_id, t.kind || ' without a key', t.id
FROM billing.transfer t
LEFT JOIN billing.transfer_key k ON k.workspace_id = t.workspace_id AND k.transfer_id = t.id
WHERE k.key IS NULL
