-- INV-9: an answer was claimed in a period of the assistant.
SELECT m.workspace_id, m.id AS message_id, m.claimed_handler_epoch, h.handler
FROM chats.message m
LEFT JOIN chats.handler_history h ON h.workspace_id = m.workspace_id AND h.conversation_id = m.conversation_id
    AND h.epoch = m.claimed_handler_epoch
WHERE m.author = 'assistant' AND h.handler IS DISTINCT FROM 'assistant'
