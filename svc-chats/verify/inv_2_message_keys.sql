-- INV-2: a message of a customer has exactly one key of its channel.
SELECT m.workspace_id, m.id AS message_id, count(k.message_id) AS keys
FROM chats.message m
LEFT JOIN chats.message_key k ON k.workspace_id = m.workspace_id AND k.message_id = m.id
WHERE m.author = 'contact'
GROUP BY m.workspace_id, m.id
HAVING count(k.message_id) <> 1
