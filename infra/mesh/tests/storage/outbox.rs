//! The outbox: committed with its change, confirmed by every consumer.

use std::{sync::Arc, time::Duration};

use neipix_mesh::{
    Call, CallContext, Failure, WorkspaceId,
    db::{Db, Tx},
    outbox::{self, Event},
};
use neipix_proto::{
    access::v1::ErrorReason,
    events::v1::{AckEventsRequest, AuditRecorded},
};
use prost::Message as _;

use crate::support::{TestDb, add_note, number, workspace};

/// Tells an event of a kind; any message will do as its payload.
pub async fn tell(db: &Db, workspace: WorkspaceId, kind: &'static str, version: i64) {
    db.in_workspace_id(workspace, "test.tell", async |tx: &mut Tx| {
        let payload = AckEventsRequest { consumer: format!("{kind} {version}"), ..AckEventsRequest::default() };
        outbox::push(tx, Event { workspace, kind, object_version: version, payload: &payload }).await
    })
    .await
    .unwrap();
}

/// A confirmation as a producer gets it.
pub fn confirmation(caller: &str, consumer: &str, outbox_ids: Vec<i64>) -> Call<AckEventsRequest> {
    let context = CallContext::background(caller, WorkspaceId::PLATFORM, Duration::from_secs(3));
    let message = AckEventsRequest { workspace_id: String::new(), consumer: consumer.to_owned(), outbox_ids };
    Call { message, context }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_commits_with_its_change_or_not_at_all() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(2), workspace());
    let refused = db.in_workspace_id(ws, "test.refused", async |tx: &mut Tx| {
        add_note(tx, ws, "x").await?;
        let payload = AckEventsRequest::default();
        outbox::push(tx, Event { workspace: ws, kind: "note.made", object_version: 1, payload: &payload }).await?;
        Err::<(), Failure>(Failure::not_found())
    });
    refused.await.unwrap_err();
    assert_eq!(t.number("SELECT (SELECT count(*) FROM note) + (SELECT count(*) FROM outbox)").await, 0);
    tell(&db, ws, "note.made", 7).await;
    assert_eq!(t.text("SELECT kind || ' ' || object_version FROM outbox").await, "note.made 7");
    assert_eq!(t.text("SELECT workspace_id FROM outbox").await, ws.to_string());
    assert_eq!(t.number("SELECT shard FROM outbox").await, i64::from(neipix_mesh::redis::shard(ws)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_record_commits_with_its_change_and_says_who_did_what() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(2), workspace());
    let mut context = CallContext::clone(&CallContext::background("svc-test", ws, Duration::from_secs(3)));
    context.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    context.request_id = "r-1".to_owned();
    let context = Arc::new(context);
    let detail = serde_json::json!({ "to": "x" });
    db.in_workspace(&context, "test.audited", async |tx: &mut Tx| {
        add_note(tx, ws, "x").await?;
        outbox::audit(tx, &context, "note:1", detail.clone()).await
    })
    .await
    .unwrap();
    assert_eq!(
        t.text("SELECT kind || ' ' || traceparent FROM outbox").await,
        format!("audit.recorded {}", context.traceparent)
    );
    let bytes = hex::decode(t.text("SELECT encode(payload, 'hex') FROM outbox").await).unwrap();
    let told = AuditRecorded::decode(bytes.as_slice()).unwrap();
    assert_eq!(
        (told.actor.as_str(), told.object.as_str(), told.request_id.as_str()),
        ("service:svc-test", "note:1", "r-1")
    );
    assert_eq!(told.detail, r#"{"to":"x"}"#);
    // By the database's clock.
    let late = format!("SELECT abs(extract(epoch FROM created_at) - {}) FROM outbox", told.time.unwrap().seconds);
    assert!(t.number(&late).await <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_72_an_event_is_confirmed_when_all_its_consumers_applied_it_also_at_the_same_instant() {
    // trust: INV-72
    let t = TestDb::new().await;
    let db = t.db(8);
    for n in 0..20 {
        tell(&db, workspace(), "workspace.created", n).await;
    }
    let ids: Vec<i64> = (1..=20).collect();
    outbox::ack(&db, confirmation("svc-billing", "svc-billing", vec![1])).await.unwrap();
    assert_eq!(t.number("SELECT count(*) FROM outbox WHERE acked_at IS NOT NULL").await, 0, "svc-admin is missing");
    for id in ids {
        let (billing, admin) = tokio::join!(
            outbox::ack(&db, confirmation("svc-billing", "svc-billing", vec![id])),
            outbox::ack(&db, confirmation("svc-admin", "svc-admin", vec![id])),
        );
        billing.unwrap();
        admin.unwrap();
        let done = format!("SELECT count(*) FROM outbox WHERE id = {id} AND acked_at IS NOT NULL");
        assert_eq!(t.number(&done).await, 1, "of two at once the second sees the first");
    }
    // Again, and of rows that are gone, is no error.
    outbox::ack(&db, confirmation("svc-admin", "svc-admin", vec![1, 999])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_confirms_in_its_own_name_only() {
    let t = TestDb::new().await;
    let db = t.db(1);
    tell(&db, workspace(), "user.registered", 1).await;
    let refused = outbox::ack(&db, confirmation("svc-chats", "svc-admin", vec![1])).await.unwrap_err();
    assert!(refused.is(ErrorReason::PermissionDenied), "{refused:?}");
    assert_eq!(t.number("SELECT count(*) FROM outbox_ack").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_ring_the_bell_of_other_processes_outside_the_business_transaction() {
    use futures::StreamExt as _;
    let t = TestDb::new().await;
    let (db, ws) = (t.db(2), workspace());
    let mut ear = crate::support::connect(&t.service_url()).await;
    crate::support::execute(&mut ear, "LISTEN neipix_outbox_sample").await.unwrap();
    // The writer of all shards is elsewhere: this process has only the bell.
    let mut writer = crate::support::connect(&t.service_url()).await;
    let locks =
        "SELECT count(*) FROM generate_series(0, 63) s WHERE pg_try_advisory_lock(hashtext('neipix.relay.sample'), s)";
    assert_eq!(number(&mut writer, locks).await.unwrap(), 64);
    let shutdown = neipix_mesh::shutdown::Shutdown::new();
    let relay = neipix_mesh::relay::Relay::new(db.clone(), crate::support::no_redis(), "svc-test", None);
    let until = shutdown.clone();
    let work = async {
        let mut heard = std::pin::pin!(ear.notifications_stream());
        // The relay takes its place first; each tell rings until it is heard.
        let rung = async {
            loop {
                tell(&db, ws, "note.made", 1).await;
                let next = tokio::time::timeout(Duration::from_millis(300), heard.next());
                if let Ok(Some(Ok(bell))) = next.await {
                    return bell;
                }
            }
        };
        let bell = tokio::time::timeout(Duration::from_secs(10), rung).await.expect("the bell rings");
        assert_eq!(bell.channel, "neipix_outbox_sample");
        // A hundred commits ring a few times only.
        futures::future::join_all((0..100).map(|n| tell(&db, ws, "note.made", n))).await;
        let mut rings = 0;
        while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_millis(300), heard.next()).await {
            rings += 1;
        }
        assert!((1..=60).contains(&rings), "{rings} rings for a hundred commits");
        shutdown.begin();
    };
    tokio::join!(relay.run(until), work);
    assert_eq!(
        t.number("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL").await,
        0,
        "it was not the writer"
    );
}
