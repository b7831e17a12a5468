-- Test dialogues: their own log, apart from customers' dialogues.

CREATE TABLE simulated_turn (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    member_id uuid NOT NULL,
    request_id uuid NOT NULL,
    number integer NOT NULL,
    version integer NOT NULL,
    state text NOT NULL DEFAULT 'running',
    reason integer NOT NULL DEFAULT 0,
    question text NOT NULL,
    answer text NOT NULL DEFAULT '',
    fixed_reply boolean NOT NULL DEFAULT false,
    record bytea,
    payer text NOT NULL DEFAULT 'nobody',
    allowance_day date,
    reserved_micro_pix bigint NOT NULL DEFAULT 0,
    cost_micro_pix bigint NOT NULL DEFAULT 0,
    allowance_micro_pix bigint NOT NULL DEFAULT 0,
    closed boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    reset_at timestamptz,
    CONSTRAINT simulated_turn_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT simulated_turn_assistant_fk FOREIGN KEY (workspace_id, assistant_id) REFERENCES assistant (workspace_id, id),
    CONSTRAINT simulated_turn_request_uq UNIQUE (workspace_id, assistant_id, member_id, request_id),
    CONSTRAINT simulated_turn_state_ck CHECK (state IN ('running', 'answered', 'silent', 'failed')),
    CONSTRAINT simulated_turn_ended_ck CHECK ((state = 'running') = (ended_at IS NULL)),
    CONSTRAINT simulated_turn_payer_ck CHECK (payer IN ('nobody', 'allowance', 'wallet')),
    CONSTRAINT simulated_turn_day_ck CHECK ((payer = 'allowance') = (allowance_day IS NOT NULL)),
    CONSTRAINT simulated_turn_money_ck CHECK (cost_micro_pix >= 0 AND allowance_micro_pix BETWEEN 0 AND cost_micro_pix
        AND allowance_micro_pix <= reserved_micro_pix),
    CONSTRAINT simulated_turn_closed_ck CHECK (NOT closed OR state <> 'running')
);
COMMENT ON TABLE simulated_turn IS 'Turns of test dialogues; each person has one dialogue with each assistant: the turns without reset_at';
COMMENT ON COLUMN simulated_turn.member_id IS 'whose test dialogue it is';
COMMENT ON COLUMN simulated_turn.request_id IS 'the caller''s id of the question: a repeat is the same turn';
COMMENT ON COLUMN simulated_turn.number IS 'place in the dialogue, from 1';
COMMENT ON COLUMN simulated_turn.version IS '0 = the draft';
COMMENT ON COLUMN simulated_turn.reason IS 'number of neipix.assistants.v1.SilenceReason; 0 = answered, or runs still';
COMMENT ON COLUMN simulated_turn.record IS 'neipix.assistants.v1.SimulationRecord: gate, passages, tries, citations';
COMMENT ON COLUMN simulated_turn.payer IS 'what was reserved for it: nothing, part of the free allowance, or a hold in svc-billing';
COMMENT ON COLUMN simulated_turn.allowance_day IS 'UTC day whose allowance it was reserved of';
COMMENT ON COLUMN simulated_turn.reserved_micro_pix IS 'micro-pix reserved of the allowance';
COMMENT ON COLUMN simulated_turn.allowance_micro_pix IS 'micro-pix of the cost that the allowance paid; the wallet paid the rest';
COMMENT ON COLUMN simulated_turn.closed IS 'what was reserved is paid or given back';
COMMENT ON COLUMN simulated_turn.reset_at IS 'UTC; when its dialogue was begun anew';
CREATE UNIQUE INDEX simulated_turn_running_uq ON simulated_turn (workspace_id, assistant_id, member_id)
    WHERE ended_at IS NULL AND reset_at IS NULL;
CREATE INDEX simulated_turn_dialogue_ix ON simulated_turn (workspace_id, assistant_id, member_id, number) WHERE reset_at IS NULL;

CREATE TABLE simulation_day (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    taken_micro_pix bigint NOT NULL,
    CONSTRAINT simulation_day_pk PRIMARY KEY (workspace_id, day),
    CONSTRAINT simulation_day_taken_ck CHECK (taken_micro_pix >= 0)
);
COMMENT ON TABLE simulation_day IS 'What test dialogues took of the free allowance of each UTC day';
COMMENT ON COLUMN simulation_day.taken_micro_pix IS 'micro-pix: reserved by turns that run, and spent by those that ended';

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['simulated_turn', 'simulation_day']) AS t;
REVOKE DELETE, TRUNCATE ON simulated_turn, simulation_day FROM assistants_service;
