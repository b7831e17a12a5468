-- INV-3: numbers of a dialogue are dense from 1, and its row knows the last.
SELECT c.workspace_id, c.id AS conversation_id, c.last_seq, count(m.id) AS messages
FROM chats.conversation c
LEFT JOIN chats.message m ON m.workspace_id = c.workspace_id AND m.conversation_id = c.id
GROUP BY c.workspace_id, c.id, c.last_seq
HAVING count(m.id) <> c.last_seq OR coalesce(max(m.seq), 0) <> c.last_seq OR coalesce(min(m.seq), 1) <> 1
