-- INV-91: what an answer cites is a passage of the assistant that answered.
SELECT m.workspace_id, m.id AS message_id, c.value ->> 'passage_id' AS passage_id
FROM chats.message m
JOIN chats.turn t ON t.workspace_id = m.workspace_id AND t.id = m.turn_id
CROSS JOIN LATERAL jsonb_array_elements(m.citations) AS c
LEFT JOIN assistants.passage p ON p.workspace_id = m.workspace_id AND p.id::text = c.value ->> 'passage_id'
WHERE m.author = 'assistant' AND p.assistant_id IS DISTINCT FROM t.assistant_id
