-- INV-21: each account of a wallet is the sum of its postings; all accounts of a workspace sum to zero.
SELECT a.workspace_id, a.name AS account, a.balance, coalesce(p.total, 0) AS postings
FROM billing.account a
LEFT JOIN (
    SELECT workspace_id, account, sum(amount_micro_pix) AS total FROM billing.posting GROUP BY workspace_id, account
) p ON p.workspace_id = a.workspace_id AND p.account = a.name
WHERE a.balance <> coalesce(p.total, 0)
UNION ALL
SELECT workspace_id, 'sum of all', sum(balance), 0 FROM billing.account GROUP BY workspace_id HAVING sum(balance) <> 0
