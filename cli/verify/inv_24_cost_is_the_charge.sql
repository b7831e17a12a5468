-- INV-24: what a turn says it cost is what the ledger charged.
SELECT t.workspace_id, t.id AS turn_id, t.cost_micro_pix, coalesce((x.charge ->> 'cost_micro_pix')::bigint, 0) AS charged
FROM chats.turn t
LEFT JOIN billing.transfer x ON x.workspace_id = t.workspace_id AND x.turn_id = t.id AND x.kind = 'settle'
WHERE t.state IN ('settled', 'delivered')
  AND coalesce(t.cost_micro_pix, 0) <> coalesce((x.charge ->> 'cost_micro_pix')::bigint, 0)
