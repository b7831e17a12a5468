-- INV-6: one assistant message per turn, and the turn names it.
SELECT m.workspace_id, m.turn_id, count(*) AS answers
FROM chats.message m
LEFT JOIN chats.turn t ON t.workspace_id = m.workspace_id AND t.id = m.turn_id
WHERE m.author = 'assistant'
GROUP BY m.workspace_id, m.turn_id
HAVING count(*) > 1 OR bool_or(t.answer_message_id IS DISTINCT FROM m.id)
