//! What commits with an effect carries the effect's own transaction id.

use neipix_tests::trust;
use serde_json::json;

use crate::seed::{database, seeded};

#[tokio::test(flavor = "multi_thread")]
async fn inv_61_an_effect_its_audit_its_event_and_its_idempotency_record_are_one_transaction() {
    trust!("INV-61");
    let seeded = seeded(&[]).await;
    let owner = database(&seeded).await;
    let draft = json!({"draft": {"name": "Вторая", "instruction": "Отвечай."}});
    let made = seeded.api.post_once("/api/v1/assistants", "key-assistant", draft).await.ok();
    let key = json!({"name": "CRM", "permissions": ["chats.ask"]});
    let key = seeded.api.post_once("/api/v1/api-keys", "key-key", key).await.ok();
    let chats = seeded.api.get("/api/v1/chats").await.ok();
    let chat = chats["conversations"][0]["id"].as_str().unwrap().to_owned();
    let said = json!({"text": "Здравствуйте"});
    let _ = seeded.api.post_once(&format!("/api/v1/chats/{chat}:return"), "key-return", json!({})).await.ok();
    let _ = seeded.api.post_once(&format!("/api/v1/chats/{chat}:takeOver"), "key-chat", json!({})).await.ok();
    let sent = seeded.api.post_once(&format!("/api/v1/chats/{chat}/messages"), "key-message", said).await.ok();
    // A row keeps the transaction that wrote it last: these were written once.
    let rows = [
        (
            "assistants",
            "key-assistant",
            "assistants.assistant",
            &made["id"],
            &["assistant.created", "audit.recorded"][..],
        ),
        ("auth", "key-key", "auth.api_key", &key["apiKey"]["id"], &["api_key.created", "audit.recorded"]),
        ("chats", "key-message", "chats.message", &sent["id"], &["message.created"]),
    ];
    for (schema, idempotency_key, table, id, kinds) in rows {
        let id = id.as_str().unwrap_or_else(|| panic!("{table}: {id}"));
        let effect = format!("SELECT xmin::text FROM {table} WHERE id::text = $1");
        let effect: String = owner.query_one(&effect, &[&id]).await.unwrap().get(0);
        let own = "(xid::text::bigint & 4294967295)::text";
        let record = format!("SELECT {own} FROM {schema}.idempotency_record WHERE key = $1");
        let record: String = owner.query_one(&record, &[&idempotency_key]).await.unwrap().get(0);
        assert_eq!(record, effect, "{table}: the idempotency record");
        let told = format!("SELECT kind FROM {schema}.outbox WHERE {own} = $1 ORDER BY kind");
        let told: Vec<String> = owner.query(&told, &[&effect]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(told, kinds, "{table}");
    }
    seeded.product.product.stop().await;
}
