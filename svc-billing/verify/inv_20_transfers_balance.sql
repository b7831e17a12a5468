-- INV-20: the postings of a transfer sum to zero, and there are at least two.
SELECT t.workspace_id, t.id AS transfer_id, count(p.n) AS postings, coalesce(sum(p.amount_micro_pix), 0) AS total
FROM billing.transfer t
LEFT JOIN billing.posting p ON p.workspace_id = t.workspace_id AND p.transfer_id = t.id
GROUP BY t.workspace_id, t.id
HAVING coalesce(sum(p.amount_micro_pix), 0) <> 0 OR count(p.n) < 2
