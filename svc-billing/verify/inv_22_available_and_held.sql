-- INV-22: nothing is overdrawn; what is held is the sum of the open holds.
SELECT w.workspace_id, w.held, coalesce(h.total, 0) AS open_holds, w.bonus + w.plan + w.purchased AS available
FROM billing.wallet w
LEFT JOIN (
    SELECT workspace_id, sum(amount_micro_pix) AS total FROM billing.hold WHERE closed_at IS NULL GROUP BY workspace_id
) h ON h.workspace_id = w.workspace_id
WHERE w.held <> coalesce(h.total, 0) OR w.bonus + w.plan + w.purchased < 0
