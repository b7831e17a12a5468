-- INV-11: a skipped turn has no attempt and no posting.
SELECT t.workspace_id, t.id AS turn_id, t.reason
FROM chats.turn t
WHERE t.state = 'skipped'
  AND (EXISTS (SELECT 1 FROM chats.turn_attempt a WHERE a.workspace_id = t.workspace_id AND a.turn_id = t.id)
    OR EXISTS (SELECT 1 FROM billing.transfer x WHERE x.workspace_id = t.workspace_id AND x.turn_id = t.id))
