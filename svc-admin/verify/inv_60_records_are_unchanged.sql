-- INV-60: a record still hashes to what it hashed to when it was appended.
SELECT workspace_id, id, seq
FROM admin.audit_record
WHERE hash <> sha256(
    prev_hash || uuid_send(workspace_id) || int8send(seq) || uuid_send(event_id)
    || int8send((extract(epoch FROM happened_at) * 1000000)::bigint) || commitment
    || int8send(octet_length(service)::bigint) || convert_to(service, 'UTF8')
    || int8send(octet_length(actor)::bigint) || convert_to(actor, 'UTF8')
    || int8send(octet_length(on_behalf_of)::bigint) || convert_to(on_behalf_of, 'UTF8')
    || int8send(octet_length(action)::bigint) || convert_to(action, 'UTF8')
    || int8send(octet_length(object)::bigint) || convert_to(object, 'UTF8')
    || int8send(octet_length(reason)::bigint) || convert_to(reason, 'UTF8')
    || int8send(octet_length(request_id)::bigint) || convert_to(request_id, 'UTF8'))
