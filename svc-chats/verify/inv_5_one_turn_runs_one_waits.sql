-- INV-5: per dialogue at most one running turn and one that waits behind it.
SELECT workspace_id, conversation_id, started_at IS NOT NULL AS running, count(*) AS turns
FROM chats.turn WHERE ended_at IS NULL
GROUP BY workspace_id, conversation_id, started_at IS NOT NULL
HAVING count(*) > 1
