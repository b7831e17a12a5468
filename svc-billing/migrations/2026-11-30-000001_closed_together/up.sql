-- Ends of several holds in one call and one commit. Each is taken in its own workspace's context, one after the other and always in
-- the same order, so that two calls do not wait for each other in a ring; each sees what those before it left of the wallet.
-- Settle and release share the key, so that only one of them can be. Answers those that this call closed.
CREATE FUNCTION close_holds(workspaces uuid[], turns uuid[], transfers uuid[], kinds text[], holds bigint[], charges bigint[],
    bonuses bigint[], plans bigint[], purchases bigint[], records jsonb[])
RETURNS TABLE (transfer uuid, available bigint, still_held bigint, wallet_version bigint) LANGUAGE plpgsql AS $$
DECLARE
    one record;
    entered text;
BEGIN
    FOR one IN
        SELECT *, e.bonus + e.plan + e.purchased AS back
        FROM unnest(workspaces, turns, transfers, kinds, holds, charges, bonuses, plans, purchases, records)
            AS e (workspace, turn, transfer, kind, amount, charge, bonus, plan, purchased, record)
        ORDER BY e.workspace, e.turn
    LOOP
        entered := set_config('neipix.workspace_id', one.workspace::text, true);
        RETURN QUERY WITH old AS MATERIALIZED (
            SELECT w.bonus + w.plan + w.purchased AS available, w.version FROM wallet w
            WHERE w.workspace_id = one.workspace FOR UPDATE
        ), key AS (
            INSERT INTO transfer_key (workspace_id, key, transfer_id)
            SELECT one.workspace, 'close:' || one.turn::text, one.transfer FROM old
            ON CONFLICT DO NOTHING RETURNING transfer_id
        ), closed AS (
            UPDATE hold SET closed_at = clock_timestamp() FROM key
            WHERE hold.workspace_id = one.workspace AND hold.turn_id = one.turn
        ), moved AS (
            INSERT INTO transfer (workspace_id, id, n, kind, turn_id, amount_micro_pix, balance_micro_pix, charge)
            SELECT one.workspace, one.transfer, old.version + 1, one.kind, one.turn, one.back, old.available + one.back, one.record
            FROM old, key
        ), lines AS (
            INSERT INTO posting (workspace_id, transfer_id, n, account, amount_micro_pix)
            SELECT one.workspace, one.transfer, line.n, line.account, line.amount FROM key,
            LATERAL (VALUES (1, 'held', -one.amount), (2, 'revenue', one.charge), (3, 'bonus', one.bonus), (4, 'plan', one.plan),
                (5, 'purchased', one.purchased)) AS line (n, account, amount) WHERE line.amount <> 0
        ), swept AS (
            DELETE FROM job USING key WHERE job.key = 'hold:' || one.turn::text
        ), paid AS (
            UPDATE wallet SET held = wallet.held - one.amount, revenue = wallet.revenue + one.charge,
                bonus = wallet.bonus + one.bonus, plan = wallet.plan + one.plan, purchased = wallet.purchased + one.purchased,
                version = old.version + 1, updated_at = clock_timestamp()
            FROM old, key WHERE wallet.workspace_id = one.workspace
            RETURNING wallet.bonus + wallet.plan + wallet.purchased AS after, wallet.held, wallet.version
        )
        SELECT one.transfer, paid.after, paid.held, paid.version FROM paid;
    END LOOP;
END $$;
