-- The same rules, each table's in one function. Postgres reads a CHECK's expression anew in each statement that writes to the
-- table, which cost more than the writing; of a function it reads the name, and keeps the rest.
CREATE FUNCTION turn_is_sound(state text, reason text, ended_at timestamptz, claim bigint, cost bigint) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN state IN ('queued', 'held', 'answering', 'stored', 'settled', 'delivered', 'skipped', 'cancelled', 'failed')
        AND (state IN ('skipped', 'cancelled', 'failed')) = (reason <> '')
        AND (state IN ('settled', 'delivered', 'skipped', 'cancelled', 'failed')) = (ended_at IS NOT NULL)
        AND (state NOT IN ('stored', 'settled', 'delivered') OR claim IS NOT NULL)
        AND (state NOT IN ('skipped', 'cancelled') OR claim IS NULL)
        AND cost >= 0 AND (cost = 0 OR state IN ('settled', 'delivered'));
END $$;

CREATE FUNCTION message_is_sound(author text, member uuid, claim bigint) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN author IN ('contact', 'assistant', 'operator', 'system')
        AND (author = 'assistant') = (claim IS NOT NULL)
        AND (author = 'operator') = (member IS NOT NULL);
END $$;

CREATE FUNCTION conversation_is_sound(status text, handler text, member uuid) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN status IN ('open', 'pending', 'snoozed', 'closed')
        AND handler IN ('assistant', 'operator', 'nobody')
        AND (handler = 'operator') = (member IS NOT NULL);
END $$;

ALTER TABLE turn
    ADD CONSTRAINT turn_sound_ck CHECK (turn_is_sound(state, reason, ended_at, claimed_handler_epoch, cost_micro_pix)),
    DROP CONSTRAINT turn_state_ck, DROP CONSTRAINT turn_reason_ck, DROP CONSTRAINT turn_ended_ck,
    DROP CONSTRAINT turn_claim_ck, DROP CONSTRAINT turn_unclaimed_ck, DROP CONSTRAINT turn_cost_ck;
ALTER TABLE message
    ADD CONSTRAINT message_sound_ck CHECK (message_is_sound(author, author_member_id, claimed_handler_epoch)),
    DROP CONSTRAINT message_author_ck, DROP CONSTRAINT message_claim_ck, DROP CONSTRAINT message_member_ck;
ALTER TABLE conversation
    ADD CONSTRAINT conversation_sound_ck CHECK (conversation_is_sound(status, handler, handler_member_id)),
    DROP CONSTRAINT conversation_status_ck, DROP CONSTRAINT conversation_handler_ck, DROP CONSTRAINT conversation_member_ck;
