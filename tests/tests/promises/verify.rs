//! The tester tested: a lived-in product breaks no invariant, and each invariant that is broken on purpose is found.

use neipix_cli::verify::{self, INVARIANTS};
use neipix_tests::{poll::eventually_within, trust};
use std::time::Duration;

use crate::seed::{database, seeded};

/// How each invariant is broken: as the owner, past every constraint that keeps it.
const BREAKS: &[(&str, &str)] = &[
    ("svc-auth/inv_101_secrets_are_hashed", "UPDATE auth.credential SET password_hash = 'long enough 1'"),
    (
        "svc-auth/inv_52_one_unused_refresh_token",
        "DROP INDEX auth.refresh_token_one_unused_uq; INSERT INTO auth.refresh_token
         SELECT sha256(hash), family_id, generation + 1, NULL, NULL, expires_at FROM auth.refresh_token WHERE used_at IS NULL",
    ),
    ("svc-auth/inv_53_workspaces_have_an_owner", "UPDATE auth.membership SET role = 'viewer'"),
    (
        "svc-auth/inv_54_keys_hold_what_keys_may",
        "INSERT INTO auth.api_key (workspace_id, id, name, prefix, permissions, maker_id)
         SELECT workspace_id, gen_random_uuid(), 'x', 'x', ARRAY['billing.read'], user_id FROM auth.membership",
    ),
    (
        "svc-assistants/inv_10_versions_are_frozen",
        "UPDATE assistants.assistant_version SET frozen = frozen || '\\x00'::bytea",
    ),
    (
        "svc-assistants/inv_91_passages_are_of_their_file",
        "UPDATE assistants.passage SET assistant_id = gen_random_uuid()",
    ),
    (
        "svc-billing/inv_20_transfers_balance",
        "UPDATE billing.posting SET amount_micro_pix = amount_micro_pix + 1 WHERE account = 'revenue'",
    ),
    (
        "svc-billing/inv_21_wallets_are_their_postings",
        "UPDATE billing.wallet SET bonus = bonus + 1, funding = funding - 1",
    ),
    ("svc-billing/inv_22_available_and_held", "UPDATE billing.wallet SET held = held + 1, funding = funding - 1"),
    ("svc-billing/inv_23_transfer_keys", "DELETE FROM billing.transfer_key WHERE key LIKE 'close:%'"),
    ("svc-billing/inv_24_holds_close_once", "UPDATE billing.hold SET closed_at = NULL"),
    (
        "svc-billing/inv_24_no_hold_outlives_its_lease",
        "UPDATE billing.hold SET closed_at = NULL, expires_at = clock_timestamp() - interval '1 hour'",
    ),
    (
        "svc-billing/inv_25_charges_are_their_attempts",
        "UPDATE billing.transfer SET charge = jsonb_set(charge, '{cost_micro_pix}', '1') WHERE kind = 'settle'",
    ),
    ("svc-chats/inv_12_deliveries", BROKEN_DELIVERY),
    ("svc-chats/inv_2_message_keys", "DELETE FROM chats.message_key"),
    ("svc-chats/inv_3_dense_dialogues", "UPDATE chats.message SET seq = seq + 1 WHERE author = 'contact'"),
    ("svc-chats/inv_4_messages_have_one_turn", "DELETE FROM chats.turn_input"),
    (
        "svc-chats/inv_5_one_turn_runs_one_waits",
        "DROP INDEX chats.turn_waiting_uq; INSERT INTO chats.turn (workspace_id, id, conversation_id, assistant_id, due_at)
         SELECT workspace_id, gen_random_uuid(), conversation_id, assistant_id, clock_timestamp()
         FROM chats.turn CROSS JOIN generate_series(1, 2)",
    ),
    (
        "svc-chats/inv_6_one_answer_per_turn",
        "UPDATE chats.turn SET answer_message_id = NULL",
    ),
    ("svc-chats/inv_70_events_are_dense", "DELETE FROM chats.event WHERE seq = 2"),
    (
        "svc-chats/inv_7_no_turn_is_stuck",
        "UPDATE chats.turn SET state = 'answering', ended_at = NULL, cost_micro_pix = 0,
         lease_until = clock_timestamp() - interval '1 minute' WHERE state = 'delivered'",
    ),
    ("svc-chats/inv_8_turns_follow_the_graph", "UPDATE chats.turn_step SET to_state = 'queued' WHERE to_state = 'delivered'"),
    (
        "svc-chats/inv_9_answers_are_claimed_in_time",
        "UPDATE chats.message SET claimed_handler_epoch = 2 WHERE author = 'assistant'",
    ),
    (
        "svc-admin/inv_60_audit_chains",
        "DELETE FROM admin.audit_record r USING admin.audit_head h WHERE r.workspace_id = h.workspace_id AND r.seq = h.seq",
    ),
    ("svc-admin/inv_60_records_are_unchanged", "UPDATE admin.audit_record SET actor = 'user:somebody else' WHERE seq = 1"),
    ("svc-admin/inv_60_commitments", "UPDATE admin.audit_detail SET detail = detail || ' '"),
    ("cli/inv_10_turns_name_published_versions", "UPDATE chats.turn SET version = 7 WHERE version > 0"),
    (
        "cli/inv_11_silent_turns_cost_nothing",
        "UPDATE chats.turn SET state = 'skipped', reason = 'operator', claimed_handler_epoch = NULL, cost_micro_pix = 0
         WHERE state = 'delivered'",
    ),
    ("cli/inv_24_cost_is_the_charge", "UPDATE chats.turn SET cost_micro_pix = cost_micro_pix + 1 WHERE cost_micro_pix > 0"),
    (
        "cli/inv_24_turns_are_paid_once",
        "UPDATE chats.turn SET ended_at = clock_timestamp() - interval '1 hour'; UPDATE billing.transfer SET turn_id = NULL WHERE kind = 'settle'",
    ),
    ("cli/inv_26_append_only", "GRANT UPDATE ON billing.posting TO billing_service"),
    ("cli/inv_40_row_security", "ALTER TABLE chats.message DISABLE ROW LEVEL SECURITY"),
    (
        "cli/inv_41_children_carry_their_workspace",
        "ALTER TABLE chats.turn ADD CONSTRAINT turn_id_uq UNIQUE (id);
         ALTER TABLE chats.turn_step ADD CONSTRAINT turn_step_loose_fk FOREIGN KEY (turn_id) REFERENCES chats.turn (id)",
    ),
    (
        "cli/inv_72_events_are_applied",
        "UPDATE chats.outbox SET acked_at = NULL, created_at = clock_timestamp() - interval '1 hour'",
    ),
    (
        "cli/inv_91_citations_are_the_assistants",
        "UPDATE chats.message SET citations = jsonb_build_array(jsonb_build_object('passage_id', gen_random_uuid()))
         WHERE author = 'assistant'",
    ),
];

const BROKEN_DELIVERY: &str = "INSERT INTO chats.delivery
    (workspace_id, id, message_id, conversation_id, channel_id, seq, part, text, state, lease_until)
    SELECT m.workspace_id, m.id, m.id, m.conversation_id, c.channel_id, 1, 0, '', 'sending', clock_timestamp() - interval '1 hour'
    FROM chats.message m JOIN chats.conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id
    WHERE m.author = 'assistant'";

#[tokio::test(flavor = "multi_thread")]
async fn a_lived_in_product_breaks_no_invariant_and_every_broken_one_is_found() {
    trust!(
        "INV-2", "INV-3", "INV-4", "INV-5", "INV-6", "INV-7", "INV-8", "INV-9", "INV-10", "INV-11", "INV-12", "INV-20",
        "INV-21", "INV-22", "INV-23", "INV-24", "INV-25", "INV-26", "INV-41", "INV-52", "INV-53", "INV-60", "INV-70",
        "S-5"
    );
    let seeded = seeded(&[]).await;
    // Audit records and read models arrive behind the calls that caused them.
    let mut owner = database(&seeded).await;
    eventually_within(Duration::from_secs(15), "events were applied", async || {
        let open = "SELECT count(*) FROM (SELECT id FROM auth.outbox WHERE acked_at IS NULL UNION ALL
            SELECT id FROM assistants.outbox WHERE acked_at IS NULL UNION ALL
            SELECT id FROM billing.outbox WHERE acked_at IS NULL UNION ALL
            SELECT id FROM chats.outbox WHERE acked_at IS NULL) AS o";
        (owner.query_one(open, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    assert!(verify::run(&seeded.product.verify_url, "").await.unwrap(), "a product that did nothing wrong");
    let mut missed = vec![];
    for (name, sql) in INVARIANTS {
        let Some((_, breaking)) = BREAKS.iter().find(|(broken, _)| broken == name) else {
            missed.push(format!("{name}: nobody says how to break it"));
            continue;
        };
        let tx = owner.transaction().await.unwrap();
        tx.batch_execute(breaking).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        if tx.query(*sql, &[]).await.unwrap_or_else(|e| panic!("{name}: {e:?}")).is_empty() {
            missed.push(format!("{name}: broken, and not found"));
        }
        tx.rollback().await.unwrap();
    }
    assert!(missed.is_empty(), "{missed:#?}");
    let (verifier, connection) =
        tokio_postgres::connect(&seeded.product.verify_url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for write in ["UPDATE chats.turn SET state = state", "DELETE FROM chats.event", "CREATE TABLE chats.x (n int)"] {
        let refused = verifier.batch_execute(write).await.unwrap_err();
        assert!(format!("{refused:?}").contains("permission denied"), "the verifier only reads: {write}");
    }
    seeded.product.product.stop().await;
}
