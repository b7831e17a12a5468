-- INV-4: a customer message that came while the assistant answered is input of exactly one turn (the key of `turn_input` sees to at most one).
SELECT m.workspace_id, m.id AS message_id
FROM chats.message m
JOIN LATERAL (
    SELECT h.handler FROM chats.handler_history h
    WHERE h.workspace_id = m.workspace_id AND h.conversation_id = m.conversation_id AND h.from_seq <= m.seq
    ORDER BY h.epoch DESC LIMIT 1) AS period ON period.handler = 'assistant'
LEFT JOIN chats.turn_input i ON i.workspace_id = m.workspace_id AND i.message_id = m.id
WHERE m.author = 'contact' AND i.turn_id IS NULL
