-- INV-72: an event of five minutes ago was put on its way and applied by everybody who listens.
SELECT 'auth' AS service, id, kind, created_at, published_at FROM auth.outbox WHERE acked_at IS NULL AND created_at < clock_timestamp() - interval '5 minutes'
UNION ALL
SELECT 'assistants', id, kind, created_at, published_at FROM assistants.outbox WHERE acked_at IS NULL AND created_at < clock_timestamp() - interval '5 minutes'
UNION ALL
SELECT 'billing', id, kind, created_at, published_at FROM billing.outbox WHERE acked_at IS NULL AND created_at < clock_timestamp() - interval '5 minutes'
UNION ALL
SELECT 'chats', id, kind, created_at, published_at FROM chats.outbox WHERE acked_at IS NULL AND created_at < clock_timestamp() - interval '5 minutes'
UNION ALL
SELECT 'admin', id, kind, created_at, published_at FROM admin.outbox WHERE acked_at IS NULL AND created_at < clock_timestamp() - interval '5 minutes'
