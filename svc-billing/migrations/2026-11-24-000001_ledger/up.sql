-- Wallets, the double-entry ledger, holds and prices. All money is integer micro-pix (1 pix = 1,000,000).

CREATE TABLE wallet (
    workspace_id uuid PRIMARY KEY,
    purchased bigint NOT NULL DEFAULT 0,
    plan bigint NOT NULL DEFAULT 0,
    bonus bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    revenue bigint NOT NULL DEFAULT 0,
    funding bigint NOT NULL DEFAULT 0,
    adjustment bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT wallet_purchased_ck CHECK (purchased >= 0),
    CONSTRAINT wallet_plan_ck CHECK (plan >= 0),
    CONSTRAINT wallet_bonus_ck CHECK (bonus >= 0),
    CONSTRAINT wallet_held_ck CHECK (held >= 0),
    CONSTRAINT wallet_revenue_ck CHECK (revenue >= 0),
    CONSTRAINT wallet_sum_ck CHECK (purchased + plan + bonus + held + revenue + funding + adjustment = 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE wallet IS 'All accounts of a workspace in one row, so that a transfer is one update; derived from the postings and kept beside them';
COMMENT ON COLUMN wallet.purchased IS 'micro-pix; bought, spent last';
COMMENT ON COLUMN wallet.plan IS 'micro-pix; included in the plan, spent second';
COMMENT ON COLUMN wallet.bonus IS 'micro-pix; given, spent first';
COMMENT ON COLUMN wallet.held IS 'micro-pix; reserved by open holds';
COMMENT ON COLUMN wallet.revenue IS 'micro-pix; charged';
COMMENT ON COLUMN wallet.funding IS 'micro-pix; where given and bought pix come from, never above zero';
COMMENT ON COLUMN wallet.adjustment IS 'micro-pix; corrections';
COMMENT ON COLUMN wallet.version IS 'number of the last transfer; a transfer''s n';

CREATE TABLE transfer (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    n bigint NOT NULL,
    kind text NOT NULL,
    turn_id uuid,
    payment_id uuid,
    amount_micro_pix bigint NOT NULL,
    balance_micro_pix bigint NOT NULL,
    charge jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT transfer_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT transfer_kind_ck CHECK (kind IN ('grant', 'hold', 'settle', 'release', 'credit', 'refund', 'adjustment'))
) PARTITION BY RANGE (id);
COMMENT ON TABLE transfer IS 'Append-only movements of money; the postings of one sum to zero';
COMMENT ON COLUMN transfer.n IS 'place in the workspace''s ledger, dense from 1 in the order of commits';
COMMENT ON COLUMN transfer.amount_micro_pix IS 'micro-pix; change of the available balance';
COMMENT ON COLUMN transfer.balance_micro_pix IS 'micro-pix; available balance after it';
COMMENT ON COLUMN transfer.charge IS 'of a settle: the charged attempts with tokens and price ids; ids and numbers only';
CREATE INDEX transfer_n_ix ON transfer (workspace_id, n DESC);
CREATE INDEX transfer_turn_ix ON transfer (workspace_id, turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE posting (
    workspace_id uuid NOT NULL,
    transfer_id uuid NOT NULL,
    n smallint NOT NULL,
    account text NOT NULL,
    amount_micro_pix bigint NOT NULL,
    CONSTRAINT posting_pk PRIMARY KEY (workspace_id, transfer_id, n),
    CONSTRAINT posting_amount_ck CHECK (amount_micro_pix <> 0),
    CONSTRAINT posting_account_ck CHECK (account IN ('purchased', 'plan', 'bonus', 'held', 'revenue', 'funding', 'adjustment'))
) PARTITION BY RANGE (transfer_id);
COMMENT ON TABLE posting IS 'Lines of transfers; append-only';
COMMENT ON COLUMN posting.amount_micro_pix IS 'micro-pix; what the account gained';

-- No statement may leave a transfer that does not balance, or a posting without its transfer: a transfer and its postings
-- are written by one statement, and each such statement is looked at once, by what it wrote. That is stricter than a
-- deferred look at each row and a foreign key, which on partitioned tables cost more than the writing. Nobody but the owner
-- can remove a row.
CREATE FUNCTION refuse_unbalanced(of_transfer uuid, lines bigint, total numeric, known boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'transfer % does not balance: % postings, sum %, transfer %', of_transfer, lines, total,
        CASE WHEN known THEN 'known' ELSE 'unknown' END
        USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_balances';
END $$;
CREATE FUNCTION transfers_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad uuid;
BEGIN
    SELECT f.id INTO bad FROM fresh f
    WHERE NOT EXISTS (SELECT FROM posting p WHERE p.workspace_id = f.workspace_id AND p.transfer_id = f.id) LIMIT 1;
    IF FOUND THEN PERFORM refuse_unbalanced(bad, 0, 0, true); END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION postings_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    SELECT s.transfer_id AS id, s.lines, s.total, s.known INTO bad
    FROM (SELECT f.transfer_id, count(*) AS lines, sum(f.amount_micro_pix) AS total,
                 EXISTS (SELECT FROM transfer t WHERE t.workspace_id = f.workspace_id AND t.id = f.transfer_id) AS known
          FROM fresh f GROUP BY f.workspace_id, f.transfer_id) s
    WHERE s.total <> 0 OR s.lines < 2 OR NOT s.known LIMIT 1;
    IF FOUND THEN PERFORM refuse_unbalanced(bad.id, bad.lines, bad.total, bad.known); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER transfers_balance AFTER INSERT ON transfer
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION transfers_balance();
CREATE TRIGGER postings_balance AFTER INSERT ON posting
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION postings_balance();

CREATE TABLE transfer_key (
    workspace_id uuid NOT NULL,
    key text NOT NULL,
    transfer_id uuid,
    CONSTRAINT transfer_key_pk PRIMARY KEY (workspace_id, key)
);
COMMENT ON TABLE transfer_key IS 'Idempotency keys of transfers, unique for ever; written in the transfer''s transaction';
COMMENT ON COLUMN transfer_key.transfer_id IS 'NULL = a mark without a transfer: a turn closed before it ever held';

CREATE TABLE hold (
    workspace_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    transfer_id uuid NOT NULL,
    amount_micro_pix bigint NOT NULL,
    from_bonus_micro_pix bigint NOT NULL,
    from_plan_micro_pix bigint NOT NULL,
    from_purchased_micro_pix bigint NOT NULL,
    models text[] NOT NULL,
    price_ids uuid[] NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT hold_pk PRIMARY KEY (workspace_id, turn_id),
    CONSTRAINT hold_amount_ck CHECK (amount_micro_pix > 0),
    CONSTRAINT hold_split_ck CHECK (
        from_bonus_micro_pix >= 0 AND from_plan_micro_pix >= 0 AND from_purchased_micro_pix >= 0
        AND from_bonus_micro_pix + from_plan_micro_pix + from_purchased_micro_pix = amount_micro_pix),
    CONSTRAINT hold_models_ck CHECK (cardinality(models) = cardinality(price_ids) AND cardinality(models) > 0)
);
COMMENT ON TABLE hold IS 'What a turn reserved; open while closed_at is NULL';
COMMENT ON COLUMN hold.amount_micro_pix IS 'micro-pix';
COMMENT ON COLUMN hold.from_bonus_micro_pix IS 'micro-pix of it taken from bonus';
COMMENT ON COLUMN hold.from_plan_micro_pix IS 'micro-pix of it taken from plan';
COMMENT ON COLUMN hold.from_purchased_micro_pix IS 'micro-pix of it taken from purchased';
COMMENT ON COLUMN hold.models IS 'price list keys of the candidates; price_ids has their prices in the same order';
COMMENT ON COLUMN hold.expires_at IS 'UTC; the sweeper releases the hold after it';

CREATE TABLE price (
    id uuid PRIMARY KEY,
    model text NOT NULL,
    input_micro_pix_per_million bigint NOT NULL,
    cached_input_micro_pix_per_million bigint NOT NULL,
    cache_write_micro_pix_per_million bigint NOT NULL,
    output_micro_pix_per_million bigint NOT NULL,
    markup_bp integer NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    CONSTRAINT price_model_ck CHECK (char_length(model) BETWEEN 1 AND 200),
    CONSTRAINT price_amounts_ck CHECK (
        input_micro_pix_per_million >= 0 AND cached_input_micro_pix_per_million >= 0
        AND cache_write_micro_pix_per_million >= 0 AND output_micro_pix_per_million >= 0),
    CONSTRAINT price_markup_ck CHECK (markup_bp BETWEEN 0 AND 1000000),
    CONSTRAINT price_valid_ck CHECK (valid_to IS NULL OR valid_to > valid_from),
    CONSTRAINT price_overlap_ex EXCLUDE USING gist (model WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
COMMENT ON TABLE price IS 'What a model costs from one instant to another; platform rows; only valid_to ever changes';
COMMENT ON COLUMN price.input_micro_pix_per_million IS 'micro-pix per 1,000,000 tokens read';
COMMENT ON COLUMN price.cached_input_micro_pix_per_million IS 'micro-pix per 1,000,000 tokens read from a cache';
COMMENT ON COLUMN price.cache_write_micro_pix_per_million IS 'micro-pix per 1,000,000 tokens written to a cache';
COMMENT ON COLUMN price.output_micro_pix_per_million IS 'micro-pix per 1,000,000 tokens made';
COMMENT ON COLUMN price.markup_bp IS 'basis points; 10,000 = the price itself';
COMMENT ON COLUMN price.valid_to IS 'UTC, exclusive; NULL = open';

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['wallet', 'transfer', 'posting', 'transfer_key', 'hold']) AS t;
SELECT make_partitions('transfer');
SELECT make_partitions('posting');
-- What happened stays: append-only for the service; a wallet is never removed, a price only ended.
REVOKE UPDATE, DELETE, TRUNCATE ON transfer, posting, transfer_key FROM billing_service;
REVOKE DELETE, TRUNCATE ON wallet, hold, price FROM billing_service;
REVOKE UPDATE ON price FROM billing_service;
GRANT UPDATE (valid_to) ON price TO billing_service;

-- The ledger's view of a wallet, account by account, for verification.
CREATE VIEW account WITH (security_invoker = true) AS
SELECT w.workspace_id, a.name, a.balance
FROM wallet w
CROSS JOIN LATERAL (VALUES
    ('purchased', w.purchased), ('plan', w.plan), ('bonus', w.bonus), ('held', w.held),
    ('revenue', w.revenue), ('funding', w.funding), ('adjustment', w.adjustment)) AS a (name, balance);
COMMENT ON VIEW account IS 'One row per account of a wallet';
