-- INV-8: a turn's steps are steps of the graph, follow one another, and its epochs never fall.
SELECT s.workspace_id, s.turn_id, s.n, s.from_state, s.to_state
FROM chats.turn_step s
LEFT JOIN chats.turn_step p ON p.workspace_id = s.workspace_id AND p.turn_id = s.turn_id AND p.n = s.n - 1
WHERE (s.n > 1 AND p.to_state IS DISTINCT FROM s.from_state) OR (s.n = 1 AND s.from_state <> 'queued') OR p.epoch > s.epoch
   OR (s.from_state, s.to_state) NOT IN (
        ('queued', 'held'), ('held', 'answering'), ('answering', 'stored'), ('stored', 'settled'), ('settled', 'delivered'),
        ('queued', 'skipped'), ('queued', 'cancelled'), ('held', 'cancelled'), ('answering', 'cancelled'),
        ('queued', 'failed'), ('held', 'failed'), ('answering', 'failed'),
        -- A worker died: the next one begins anew.
        ('held', 'queued'), ('answering', 'queued'))
UNION ALL
SELECT t.workspace_id, t.id, t.steps, t.state, 'steps are missing' FROM chats.turn t
WHERE t.steps <> (SELECT count(*) FROM chats.turn_step s WHERE s.workspace_id = t.workspace_id AND s.turn_id = t.id)
