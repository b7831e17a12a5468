//! The sender's journal, and what must hold of the databases once everything has come to rest.

use std::{collections::BTreeMap, process::Command, time::Duration};

use neipix_tests::poll::eventually_within;
use serde_json::Value;

use crate::house::House;

/// Leases, back-offs and redeliveries of everything that may have been under way.
const REST: Duration = Duration::from_secs(90);

/// What was acknowledged to the sender: by its own id, the message's.
#[derive(Default)]
pub struct Journal(BTreeMap<(String, String), String>);

impl Journal {
    /// Writes down an acknowledgement. A second one of the same message names the same message.
    pub fn acknowledged(&mut self, contact: &str, id: &str, answer: &Value) {
        let message = answer["messageId"].as_str().unwrap().to_owned();
        let before = self.0.insert((contact.to_owned(), id.to_owned()), message.clone());
        assert!(before.is_none_or(|before| before == message), "{id} of {contact} became another message: {answer}");
    }

    /// All entries of another one.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits for rest and checks everything.
    pub async fn audit(&self, house: &House) {
        at_rest(house).await;
        self.is_stored_once(house).await;
        for (what, sql) in MUST_BE_EMPTY {
            let rows =
                house.db().await.query(&format!("SELECT to_jsonb(q)::text FROM ({sql}) AS q LIMIT 5"), &[]).await;
            let rows: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
            assert!(rows.is_empty(), "{what}: {rows:#?}\n{}", house.mesh.last_words());
        }
        verify(house);
    }

    /// INV-1: sender's journal ⟕ message.
    async fn is_stored_once(&self, house: &House) {
        let ids: Vec<&str> = self.0.keys().map(|(_, id)| id.as_str()).collect();
        let contacts: Vec<&str> = self.0.keys().map(|(contact, _)| contact.as_str()).collect();
        let messages: Vec<&str> = self.0.values().map(String::as_str).collect();
        let sql = "SELECT j.contact || ' ' || j.id || ' ' || j.message FROM unnest($1::text[], $2::text[], $3::text[]) AS j (contact, id, message) \
            LEFT JOIN chats.message m ON m.id = j.message::uuid AND m.author = 'contact' \
            LEFT JOIN chats.message_key k ON k.message_id = m.id AND k.external_id LIKE '%' || j.contact || '.' || j.id \
            GROUP BY j.contact, j.id, j.message HAVING count(m.id) <> 1 OR count(k.message_id) <> 1";
        let lost = house.db().await.query(sql, &[&contacts, &ids, &messages]).await.unwrap();
        let lost: Vec<String> = lost.iter().map(|row| row.get(0)).collect();
        assert!(lost.is_empty(), "lost or doubled: {lost:?}");
    }
}

/// Waits until no turn, delivery or hold is under way.
pub async fn at_rest(house: &House) {
    eventually_within(REST, "everything comes to rest", async || {
        let busy = house.look(BUSY).await;
        (busy == "0").then_some(())
    })
    .await;
}

const BUSY: &str = "(SELECT count(*) FROM chats.turn WHERE ended_at IS NULL OR state = 'settled')
    + (SELECT count(*) FROM chats.delivery WHERE state IN ('queued', 'sending'))
    + (SELECT count(*) FROM billing.hold WHERE closed_at IS NULL)";

/// Each finds nothing. Beside the invariants of the command line: here all holds are those of turns that have ended.
const MUST_BE_EMPTY: [(&str, &str); 8] = [
    (
        "a customer's message is input of exactly one turn",
        "SELECT m.id FROM chats.message m LEFT JOIN chats.turn_input i ON i.message_id = m.id
         WHERE m.author = 'contact' GROUP BY m.id HAVING count(i.turn_id) <> 1",
    ),
    (
        "numbers within a dialogue have no gap",
        "SELECT conversation_id FROM chats.message GROUP BY 1 HAVING max(seq) - min(seq) + 1 <> count(*)",
    ),
    (
        "a turn has one stored answer",
        "SELECT t.id, t.state, count(m.id) FROM chats.turn t LEFT JOIN chats.message m ON m.turn_id = t.id AND m.author = 'assistant'
         WHERE t.state IN ('settled', 'delivered') GROUP BY t.id, t.state HAVING count(m.id) <> 1",
    ),
    (
        "a turn ends once: one way to its end, and nothing after it",
        "SELECT t.id, t.state, count(*) FROM chats.turn t JOIN chats.turn_step s ON s.turn_id = t.id
         AND s.to_state IN ('stored', 'skipped', 'cancelled', 'failed') GROUP BY t.id, t.state HAVING count(*) <> 1",
    ),
    (
        "a hold is closed once",
        "SELECT h.turn_id, count(x.id) FROM billing.hold h LEFT JOIN billing.transfer x ON x.turn_id = h.turn_id
         AND x.kind IN ('settle', 'release') GROUP BY h.turn_id HAVING count(x.id) <> 1",
    ),
    (
        "an answered turn is settled, another one is not",
        "SELECT t.id, t.state, count(x.id) FROM chats.turn t LEFT JOIN billing.transfer x ON x.turn_id = t.id AND x.kind = 'settle'
         GROUP BY t.id, t.state, t.hold_id HAVING count(x.id) <> (t.state IN ('settled', 'delivered') AND t.hold_id IS NOT NULL)::int",
    ),
    (
        "the ledger sums to zero, transfer by transfer and account by account",
        "SELECT transfer_id::text FROM billing.posting GROUP BY 1 HAVING sum(amount_micro_pix) <> 0 OR count(*) < 2
         UNION ALL SELECT a.workspace_id::text || a.name FROM billing.account a LEFT JOIN (
             SELECT t.workspace_id, p.account, sum(p.amount_micro_pix) AS sum FROM billing.posting p
             JOIN billing.transfer t ON t.id = p.transfer_id GROUP BY 1, 2) s
         ON s.workspace_id = a.workspace_id AND s.account = a.name WHERE a.balance <> coalesce(s.sum, 0)",
    ),
    ("no money is held", "SELECT workspace_id, held FROM billing.wallet WHERE held <> 0"),
];

/// `neipix-cli backend verify` finds nothing.
pub fn verify(house: &House) {
    let cli = neipix_tests::mesh::programs().unwrap().join("neipix-cli");
    let output =
        Command::new(cli).args(["backend", "verify", "--database-url", house.mesh.verify_url()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
