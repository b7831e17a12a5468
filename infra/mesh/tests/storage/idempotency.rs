//! Idempotency keys: one effect and one answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use neipix_mesh::{
    Call, CallContext, Caller, Failure, WorkspaceId,
    access::roles::Permissions,
    config::Keyring,
    db::{Db, Tx},
    idempotency,
    jobs::Jobs,
    seal::Sealer,
    secret::Secret,
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::{access::v1::ErrorReason, events::v1::AckEventsRequest as Answer, methods};
use tokio::sync::Notify;

use crate::support::{TestDb, count, eventually, soon, workspace};

const PLAIN: &str = "/neipix.assistants.v1.AssistantService/CreateAssistant";
const SECRET: &str = "/neipix.auth.v1.AuthService/CreateApiKey";

fn sealer() -> Sealer {
    Sealer::new(Keyring::new(vec![("k1".to_owned(), Secret::new(vec![7; 32]))]).unwrap())
}

/// A call as the access layer hands it on.
#[derive(Clone)]
struct Asked {
    path: &'static str,
    caller: &'static str,
    workspace: WorkspaceId,
    key: Option<&'static str>,
    body: &'static str,
}

impl Asked {
    fn call(&self) -> Call<()> {
        let context = CallContext {
            method: methods().get(self.path).unwrap(),
            caller: Caller::Service(self.caller.to_owned()),
            workspace: self.workspace,
            assistant: None,
            permissions: Permissions::none(),
            deadline: Instant::now() + Duration::from_secs(5),
            traceparent: String::new(),
            request_id: String::new(),
            idempotency_key: self.key.map(str::to_owned),
            body: Bytes::from_static(self.body.as_bytes()),
            authorization: None,
            address: None,
            origin: None,
        };
        Call { message: (), context: Arc::new(context) }
    }
}

fn asked(workspace: WorkspaceId) -> Asked {
    Asked { path: PLAIN, caller: "a", workspace, key: Some("k"), body: "body" }
}

/// An effect whose answer tells how often it happened.
async fn act(db: &Db, asked: &Asked) -> Result<String, Failure> {
    let named = |answer: &Answer| format!("thing:{}", answer.consumer);
    let (sealer, call) = (sealer(), asked.call());
    let answer = idempotency::once_named(db, &sealer, &call, "test.act", named, async |tx: &mut Tx| {
        count(tx, "effects").await?;
        let n = crate::support::number(tx, "SELECT n FROM tally WHERE name = 'effects'").await?;
        Ok(Answer { consumer: n.to_string(), ..Answer::default() })
    });
    Ok(answer.await?.consumer)
}

async fn effects(t: &TestDb) -> i64 {
    t.number("SELECT n FROM tally WHERE name = 'effects'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_repeat_gets_the_first_answer_and_another_body_is_refused() {
    // trust: E-17
    let t = TestDb::new().await;
    let (db, ask) = (t.db(2), asked(workspace()));
    assert_eq!(act(&db, &ask).await.unwrap(), "1");
    // A process that died after its commit and another one that is asked again.
    assert_eq!(act(&t.db(2), &ask).await.unwrap(), "1");
    let other = act(&db, &Asked { body: "other", ..ask.clone() }).await.unwrap_err();
    assert!(other.is(ErrorReason::IdempotencyKeyReused), "{other:?}");
    assert_eq!(effects(&t).await, 1);
    // Another key, caller, workspace or rpc is another call; without a key each call is one.
    for (n, another) in [
        Asked { key: Some("k2"), ..ask.clone() },
        Asked { caller: "b", ..ask.clone() },
        Asked { workspace: workspace(), ..ask.clone() },
        Asked { path: "/neipix.assistants.v1.ProviderService/CreateProvider", ..ask.clone() },
        Asked { key: None, ..ask.clone() },
        Asked { key: None, ..ask.clone() },
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(act(&db, another).await.unwrap(), (n + 2).to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_parallel_calls_have_one_effect() {
    // trust: E-17
    let t = TestDb::new().await;
    let (db, ask) = (t.db(8), asked(workspace()));
    let answers = futures::future::join_all((0..24).map(|_| act(&db, &ask))).await;
    for answer in &answers {
        match answer {
            Ok(n) => assert_eq!(n, "1"),
            Err(error) => assert!(error.is(ErrorReason::IdempotencyInProgress), "{error:?}"),
        }
    }
    assert!(answers.iter().any(Result::is_ok));
    assert_eq!(effects(&t).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_call_says_that_its_twin_is_running() {
    // trust: E-17
    let t = TestDb::new().await;
    let (db, ask) = (t.db(4), asked(workspace()));
    let (inside, go) = (Notify::new(), Notify::new());
    let first = async {
        let call = ask.call();
        idempotency::once(&db, &sealer(), &call, "test.slow", async |tx: &mut Tx| {
            count(tx, "effects").await?;
            inside.notify_one();
            go.notified().await;
            Ok(Answer::default())
        })
        .await
    };
    let twin = async {
        soon("the first is at it", inside.notified()).await;
        let refused = act(&db, &ask).await.unwrap_err();
        go.notify_one();
        refused
    };
    let (first, refused) = tokio::join!(first, twin);
    first.unwrap();
    assert!(refused.is(ErrorReason::IdempotencyInProgress), "{refused:?}");
    assert_eq!(effects(&t).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_refusal_is_not_kept() {
    // trust: E-17
    let t = TestDb::new().await;
    let (db, ask) = (t.db(2), asked(workspace()));
    let (sealer, call) = (sealer(), ask.call());
    let refused = idempotency::once(&db, &sealer, &call, "test.refuse", async |tx: &mut Tx| {
        count(tx, "effects").await?;
        Err::<Answer, _>(Failure::invalid("name", "must be there"))
    });
    assert!(refused.await.unwrap_err().is(ErrorReason::FieldInvalid));
    // The caller mends the body and keeps the key.
    assert_eq!(act(&db, &Asked { body: "mended", ..ask }).await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_answer_is_not_kept_and_a_repeat_names_what_was_made() {
    let t = TestDb::new().await;
    let (db, ask) = (t.db(2), Asked { path: SECRET, ..asked(workspace()) });
    assert_eq!(act(&db, &ask).await.unwrap(), "1");
    let again = act(&db, &ask).await.unwrap_err();
    assert!(again.is(ErrorReason::AlreadyDone), "{again:?}");
    let read = neipix_mesh::failure::read_status(&again.into_status());
    assert_eq!(read.object.as_deref(), Some("thing:1"));
    assert_eq!(t.number("SELECT count(*) FROM idempotency_record WHERE sealed_answer IS NULL").await, 1);
    assert_eq!(effects(&t).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_lie_sealed() {
    let t = TestDb::new().await;
    let (db, sealer, call) = (t.db(1), sealer(), asked(workspace()).call());
    let made = idempotency::once(&db, &sealer, &call, "test.canary", async |_: &mut Tx| {
        Ok(Answer { consumer: "canary-51c2".to_owned(), ..Answer::default() })
    });
    made.await.unwrap();
    let sealed = t.text("SELECT encode(sealed_answer, 'hex') FROM idempotency_record").await;
    assert!(sealed.len() > 100 && !sealed.contains(&hex::encode("canary")), "{sealed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_records_of_every_workspace_are_forgotten_by_its_own_job() {
    let t = TestDb::new().await;
    let (db, mine, theirs) = (t.db(3), asked(workspace()), asked(workspace()));
    let platform = asked(WorkspaceId::PLATFORM);
    for ask in [&mine, &theirs, &platform] {
        act(&db, ask).await.unwrap();
    }
    act(&db, &Asked { key: Some("young"), ..mine.clone() }).await.unwrap();
    assert_eq!(t.number("SELECT count(*) FROM job WHERE kind = 'idempotency.sweep'").await, 3, "one per workspace");
    let due =
        "SELECT count(*) FROM job WHERE run_at BETWEEN now() + interval '23 hours' AND now() + interval '25 hours'";
    assert_eq!(t.number(due).await, 3);
    t.sql("UPDATE idempotency_record SET expires_at = now() - interval '1 second' WHERE key = 'k'; UPDATE job SET run_at = now()")
        .await;
    let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
    let (jobs, of_jobs, until) = (Jobs::new(db.clone(), "test"), tasks.clone(), shutdown.clone());
    tasks.spawn("jobs", async move { jobs.run(of_jobs, until).await });
    let left = async || t.text("SELECT string_agg(key, ' ') FROM idempotency_record").await == "young";
    eventually("only the young one is left", async || left().await.then_some(())).await;
    let jobs = "SELECT count(*) FROM job WHERE run_at > now() + interval '23 hours'";
    eventually("its job waits for it", async || (t.number(jobs).await == 1).then_some(())).await;
    eventually("the others are gone", async || (t.number("SELECT count(*) FROM job").await == 1).then_some(())).await;
    shutdown.begin();
    tasks.finish(Duration::from_secs(5)).await;
    // After its time a key is free.
    let said = act(&db, &Asked { body: "another day", ..theirs }).await;
    assert_eq!(said.unwrap(), "5");
}
