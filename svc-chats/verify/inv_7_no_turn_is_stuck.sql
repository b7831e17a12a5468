-- INV-7: no started turn is without a worker for 30 seconds after its lease, and each unfinished turn has its job.
SELECT t.workspace_id, t.id AS turn_id, t.state, t.lease_until
FROM chats.turn t
WHERE t.ended_at IS NULL
  AND ((t.started_at IS NOT NULL AND t.lease_until < clock_timestamp() - interval '30 seconds')
    OR NOT EXISTS (SELECT 1 FROM chats.job j WHERE j.key = 'turn:' || t.id::text AND j.dead_at IS NULL))
