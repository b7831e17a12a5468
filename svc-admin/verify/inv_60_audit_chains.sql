-- INV-60: no fork, no gap, no loose end: each record points at the hash of the one before it, and the head at the last.
WITH chain AS (
    SELECT workspace_id, id, seq, prev_hash, hash,
           lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER w AS before, lag(seq, 1, 0::bigint) OVER w AS seq_before
    FROM admin.audit_record
    WINDOW w AS (PARTITION BY workspace_id ORDER BY seq)
)
SELECT workspace_id, id, seq, 'broken link' AS problem FROM chain WHERE prev_hash <> before OR seq <> seq_before + 1
UNION ALL
SELECT h.workspace_id, NULL, h.seq, 'the head is not the last record'
FROM admin.audit_head h
LEFT JOIN LATERAL (
    SELECT seq, hash FROM admin.audit_record r WHERE r.workspace_id = h.workspace_id ORDER BY seq DESC LIMIT 1
) last ON true
WHERE h.seq <> coalesce(last.seq, 0) OR (last.seq IS NOT NULL AND h.hash <> last.hash)
