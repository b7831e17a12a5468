-- INV-10: a published version never changed: its row still has the hash it was published with.
SELECT workspace_id, assistant_id, number
FROM assistants.assistant_version
WHERE row_hash <> sha256(uuid_send(workspace_id) || uuid_send(assistant_id) || int4send(number) || frozen)
