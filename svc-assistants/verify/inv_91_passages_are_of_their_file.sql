-- INV-91: a passage belongs to the assistant of its file.
SELECT p.workspace_id, p.id AS passage_id, p.assistant_id, f.assistant_id AS of_file
FROM assistants.passage p
LEFT JOIN assistants.knowledge_file f ON f.workspace_id = p.workspace_id AND f.id = p.file_id
WHERE f.assistant_id IS DISTINCT FROM p.assistant_id
