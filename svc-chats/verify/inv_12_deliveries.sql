-- INV-12: nothing is being sent two minutes after its lease; a provider's number belongs to one part of a chat.
SELECT workspace_id, id AS delivery_id, state, provider_message_id
FROM chats.delivery
WHERE state = 'sending' AND lease_until < clock_timestamp() - interval '2 minutes'
UNION ALL
SELECT workspace_id, min(id::text)::uuid, 'doubled', provider_message_id
FROM chats.delivery WHERE provider_message_id IS NOT NULL
GROUP BY workspace_id, conversation_id, provider_message_id HAVING count(*) > 1
