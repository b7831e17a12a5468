-- Each workspace's events are picked out once, instead of out of all of them for each workspace.
CREATE OR REPLACE FUNCTION number_events(workspaces uuid[], ids uuid[], kinds text[], objects uuid[], extras jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    entered text;
    before bigint;
BEGIN
    FOR one IN
        SELECT e.workspace, count(*) AS events, array_agg(e.id ORDER BY e.n) AS ids, array_agg(e.kind ORDER BY e.n) AS kinds,
            array_agg(e.object ORDER BY e.n) AS objects, array_agg(e.extra ORDER BY e.n) AS extras
        FROM unnest(workspaces, ids, kinds, objects, extras) WITH ORDINALITY AS e (workspace, id, kind, object, extra, n)
        GROUP BY e.workspace ORDER BY e.workspace
    LOOP
        entered := set_config('neipix.workspace_id', one.workspace::text, true);
        INSERT INTO event_head (workspace_id, last_seq) VALUES (one.workspace, one.events)
        ON CONFLICT (workspace_id) DO UPDATE SET last_seq = event_head.last_seq + excluded.last_seq
        RETURNING last_seq - one.events INTO before;
        INSERT INTO event (workspace_id, id, seq, kind, object_id, extra)
        SELECT one.workspace, e.id, before + e.n, e.kind, e.object, e.extra
        FROM unnest(one.ids, one.kinds, one.objects, one.extras) WITH ORDINALITY AS e (id, kind, object, extra, n);
    END LOOP;
END $$;
