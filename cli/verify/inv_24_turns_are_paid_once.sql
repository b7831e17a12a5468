-- INV-24: an answered turn's hold was closed by exactly one settle or release; one that was not answered left no charge and
-- no open hold. `stored` is no resting state, so such a turn is one too where its lease ended 30 seconds ago.
SELECT t.workspace_id, t.id AS turn_id, t.state, t.reason, count(x.id) FILTER (WHERE x.kind = 'settle') AS settles,
       count(x.id) FILTER (WHERE x.kind = 'release') AS releases, bool_or(h.closed_at IS NULL) AS open_hold
FROM chats.turn t
LEFT JOIN billing.hold h ON h.workspace_id = t.workspace_id AND h.turn_id = t.id
LEFT JOIN billing.transfer x ON x.workspace_id = t.workspace_id AND x.turn_id = t.id AND x.kind IN ('settle', 'release')
WHERE t.ended_at IS NOT NULL AND t.ended_at < clock_timestamp() - interval '60 seconds'
GROUP BY t.workspace_id, t.id, t.state, t.reason, h.turn_id
HAVING (t.state IN ('settled', 'delivered') AND h.turn_id IS NOT NULL AND count(x.id) <> 1)
    OR (t.state IN ('failed', 'skipped', 'cancelled')
        AND (count(x.id) FILTER (WHERE x.kind = 'settle') > 0 OR (h.turn_id IS NOT NULL AND bool_or(h.closed_at IS NULL))))
