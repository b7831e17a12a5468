-- INV-70: event numbers of a workspace are dense, and the head is the last.
SELECT e.workspace_id, min(e.seq) AS first, max(e.seq) AS last, count(*) AS events, h.last_seq
FROM chats.event e
LEFT JOIN chats.event_head h ON h.workspace_id = e.workspace_id
GROUP BY e.workspace_id, h.last_seq
HAVING max(e.seq) - min(e.seq) + 1 <> count(*) OR max(e.seq) IS DISTINCT FROM h.last_seq
