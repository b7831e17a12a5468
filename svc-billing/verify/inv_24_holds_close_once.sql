-- INV-24: a hold that is closed was closed by exactly one settle or release.
SELECT h.workspace_id, h.turn_id, h.closed_at, count(t.id) AS closes
FROM billing.hold h
LEFT JOIN billing.transfer t
    ON t.workspace_id = h.workspace_id AND t.turn_id = h.turn_id AND t.kind IN ('settle', 'release')
GROUP BY h.workspace_id, h.turn_id, h.closed_at
HAVING count(t.id) <> (h.closed_at IS NOT NULL)::int
