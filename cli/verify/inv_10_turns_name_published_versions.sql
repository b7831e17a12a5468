-- INV-10: the version that answered a turn was published before the turn ended.
SELECT t.workspace_id, t.id AS turn_id, t.assistant_id, t.version
FROM chats.turn t
LEFT JOIN assistants.assistant_version v
    ON v.workspace_id = t.workspace_id AND v.assistant_id = t.assistant_id AND v.number = t.version
WHERE t.version > 0 AND (v.number IS NULL OR v.created_at > coalesce(t.ended_at, clock_timestamp()))
