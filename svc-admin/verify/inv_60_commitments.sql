-- INV-60: a detail that was not erased is the one that its record committed to.
SELECT d.workspace_id, d.event_id
FROM admin.audit_detail d
JOIN admin.audit_record r ON r.workspace_id = d.workspace_id AND r.event_id = d.event_id
WHERE r.commitment <> sha256(d.salt || convert_to(d.detail, 'UTF8'))
