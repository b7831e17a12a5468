-- The same rules, each table's in one function. Postgres reads a CHECK's expression anew in each statement that writes to the
-- table, which cost more than the writing; of a function it reads the name, and keeps the rest.
CREATE FUNCTION wallet_is_sound(purchased bigint, plan bigint, bonus bigint, held bigint, revenue bigint, funding bigint,
                                adjustment bigint) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN purchased >= 0 AND plan >= 0 AND bonus >= 0 AND held >= 0 AND revenue >= 0
        AND purchased + plan + bonus + held + revenue + funding + adjustment = 0;
END $$;

CREATE FUNCTION posting_is_sound(account text, amount bigint) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN amount <> 0 AND account IN ('purchased', 'plan', 'bonus', 'held', 'revenue', 'funding', 'adjustment');
END $$;

CREATE FUNCTION hold_is_sound(amount bigint, bonus bigint, plan bigint, purchased bigint, models text[], prices uuid[])
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN amount > 0 AND bonus >= 0 AND plan >= 0 AND purchased >= 0 AND bonus + plan + purchased = amount
        AND cardinality(models) = cardinality(prices) AND cardinality(models) > 0;
END $$;

ALTER TABLE wallet
    ADD CONSTRAINT wallet_sound_ck CHECK (wallet_is_sound(purchased, plan, bonus, held, revenue, funding, adjustment)),
    DROP CONSTRAINT wallet_purchased_ck, DROP CONSTRAINT wallet_plan_ck, DROP CONSTRAINT wallet_bonus_ck,
    DROP CONSTRAINT wallet_held_ck, DROP CONSTRAINT wallet_revenue_ck, DROP CONSTRAINT wallet_sum_ck;
ALTER TABLE posting
    ADD CONSTRAINT posting_sound_ck CHECK (posting_is_sound(account, amount_micro_pix)),
    DROP CONSTRAINT posting_amount_ck, DROP CONSTRAINT posting_account_ck;
ALTER TABLE hold
    ADD CONSTRAINT hold_sound_ck CHECK (hold_is_sound(amount_micro_pix, from_bonus_micro_pix, from_plan_micro_pix,
        from_purchased_micro_pix, models, price_ids)),
    DROP CONSTRAINT hold_amount_ck, DROP CONSTRAINT hold_split_ck, DROP CONSTRAINT hold_models_ck;
