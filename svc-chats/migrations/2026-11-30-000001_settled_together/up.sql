-- Notes that turns are paid, `stored → settled`, and on to `delivered` where nothing is on its way; one after the other, each in
-- its own workspace's context and always in the same order. One call and one commit instead of one for each turn. Answers the
-- turns that were still in their worker's hands, with the one that waited behind it and is due.
CREATE FUNCTION settle_turns(workspaces uuid[], turns uuid[], epochs bigint[], costs bigint[], delivered boolean[],
    shards smallint[], events uuid[], payloads bytea[])
RETURNS TABLE (settled uuid, next uuid) LANGUAGE plpgsql AS $$
DECLARE
    one record;
    dialogue uuid;
    last_step integer;
BEGIN
    FOR one IN
        SELECT * FROM unnest(workspaces, turns, epochs, costs, delivered, shards, events, payloads)
            AS e (workspace, turn, epoch, cost, is_delivered, shard, event, payload)
        ORDER BY e.workspace, e.turn
    LOOP
        PERFORM set_config('neipix.workspace_id', one.workspace::text, true);
        UPDATE turn SET state = CASE WHEN one.is_delivered THEN 'delivered' ELSE 'settled' END, cost_micro_pix = one.cost,
            ended_at = clock_timestamp(), lease_until = NULL, steps = turn.steps + CASE WHEN one.is_delivered THEN 2 ELSE 1 END
        WHERE workspace_id = one.workspace AND id = one.turn AND lease_epoch = one.epoch AND state = 'stored'
        RETURNING conversation_id, steps INTO dialogue, last_step;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch)
        SELECT one.workspace, one.turn, last_step - CASE WHEN one.is_delivered THEN 1 ELSE 0 END + s.n, s.from_state, s.to_state,
            one.epoch
        FROM (VALUES (0, 'stored', 'settled'), (1, 'settled', 'delivered')) AS s (n, from_state, to_state)
        WHERE s.n = 0 OR one.is_delivered;
        DELETE FROM job WHERE key = 'turn:' || one.turn::text;
        INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload)
        VALUES (one.workspace, one.shard, one.event, 'turn.settled', one.epoch, one.payload);
        settled := one.turn;
        UPDATE job SET run_at = least(job.run_at, w.due_at) FROM turn w
        WHERE w.workspace_id = one.workspace AND w.conversation_id = dialogue AND w.started_at IS NULL AND w.ended_at IS NULL
          AND w.due_at <= clock_timestamp() AND job.key = 'turn:' || w.id::text
        RETURNING w.id INTO next;
        RETURN NEXT;
    END LOOP;
END $$;
