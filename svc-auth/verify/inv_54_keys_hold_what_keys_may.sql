-- INV-54: a live key holds only what keys may hold, and its maker was once in its workspace.
SELECT k.workspace_id, k.id AS key_id, p AS permission
FROM auth.api_key k
LEFT JOIN LATERAL unnest(k.permissions) AS p ON true
WHERE k.revoked_at IS NULL
  AND (p IS NULL OR p NOT IN ('assistants.read', 'knowledge.read', 'channels.read', 'chats.read', 'contacts.read',
                              'chats.reply', 'chats.ask', 'knowledge.write')
    OR NOT EXISTS (SELECT 1 FROM auth.membership m WHERE m.workspace_id = k.workspace_id AND m.user_id = k.maker_id))
