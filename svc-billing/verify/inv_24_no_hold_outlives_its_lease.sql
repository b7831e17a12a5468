-- INV-24, INV-7: no hold is open 30 seconds after it expired.
SELECT workspace_id, turn_id, expires_at
FROM billing.hold
WHERE closed_at IS NULL AND expires_at < clock_timestamp() - interval '30 seconds'
