//! P11: an Idempotency-Key gives its first answer for a day, whatever dies meanwhile.

use std::time::Duration;

use http::Method;
use neipix_tests::{
    client::{Bearer, Rest, Surface},
    poll::eventually_within,
    trust,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, OWNER, PASSWORD, SOON, in_house};

const PATH: &str = "/api/v1/assistants";
const CALLS: usize = 12;

/// Calls of one run, by number.
struct Calls {
    house: &'static House,
    token: Bearer,
    run: String,
}

impl Calls {
    async fn new(house: &'static House) -> Self {
        let api = house.mesh.rest(0, Surface::Api);
        let body = json!({"email": OWNER, "password": PASSWORD, "surface": "SURFACE_API"});
        let tokens = api.post("/api/v1/auth/login", body).await.ok();
        let token = Bearer(tokens["accessToken"].as_str().unwrap().to_owned());
        Self { house, token, run: Uuid::now_v7().simple().to_string() }
    }

    fn caller(&self, edge: usize, n: usize) -> Rest<Bearer> {
        let key = format!("{}-{n}", self.run);
        self.house.mesh.rest(edge % 2, Surface::Api).acting(self.token.clone()).with_header("idempotency-key", &key)
    }

    /// As a patient client: the same call under the same key, by the other edge, until there is an answer.
    async fn answer(&self, n: usize) -> Value {
        let body = json!({"draft": {"name": format!("{}-{n}", self.run)}});
        let mut edge = n;
        eventually_within(SOON, "an answer", async || {
            edge += 1;
            let caller = self.caller(edge, n);
            let call = caller.try_call(Method::POST, PATH, Some(body.clone()));
            let answer = tokio::time::timeout(Duration::from_secs(5), call).await.ok()?.ok()?;
            match answer.status.as_u16() {
                200 => Some(answer.json()),
                409 => {
                    answer.problem(409, "IDEMPOTENCY_IN_PROGRESS");
                    None
                }
                status => {
                    assert!(matches!(status, 500..), "{answer}");
                    None
                }
            }
        })
        .await
    }

    async fn answers(&self) -> Vec<Value> {
        let mut answers = vec![];
        for n in 0..CALLS {
            answers.push(self.answer(n).await);
        }
        answers
    }

    /// How many assistants all the calls together have made.
    async fn effects(&self) -> String {
        let sql = format!("SELECT count(*) FROM assistants.assistant a WHERE a::text LIKE '%{}-%'", self.run);
        self.house.look(&sql).await
    }

    /// Moves what is kept of the calls into the past, and lets the sweeper come by.
    async fn later(&self, how_long: &str) {
        let (client, connection) =
            tokio_postgres::connect(self.house.mesh.owner_url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let sql = format!(
            "UPDATE assistants.idempotency_record SET expires_at = expires_at - interval '{how_long}' WHERE key LIKE '{}-%';
             UPDATE assistants.job SET run_at = clock_timestamp() WHERE kind = 'idempotency.sweep'",
            self.run
        );
        client.batch_execute(&sql).await.unwrap();
        let due =
            "SELECT count(*) FROM assistants.job WHERE kind = 'idempotency.sweep' AND run_at <= clock_timestamp()";
        let swept = async || (self.house.look(due).await == "0").then_some(());
        eventually_within(SOON, "the sweeper has come by", swept).await;
    }

    /// How many records there are.
    async fn kept(&self) -> String {
        let sql = "SELECT count(*) FROM assistants.idempotency_record WHERE key LIKE";
        self.house.look(&format!("{sql} '{}-%'", self.run)).await
    }
}

#[test]
fn p11_a_key_gives_its_first_answer_for_a_day_whatever_dies() {
    trust!("P11");
    in_house(async |house| {
        let calls = Calls::new(house).await;
        // The service dies while it is asked, first one process of it, then the other.
        let dying = async {
            for number in [0, 1, 0, 1, 0, 1] {
                house.mesh.restart("svc-assistants", number, &[]).await;
            }
        };
        let (first, ()) = tokio::join!(calls.answers(), dying);
        assert_eq!(calls.effects().await, CALLS.to_string(), "one effect for each key");

        for (service, number) in [("svc-assistants", 0), ("svc-assistants", 1), ("edge", 0), ("edge", 1)] {
            house.mesh.kill(service, number).await;
        }
        house.mesh.restart_postgres().await;
        house.mesh.restart_redis().await;
        house.heal().await;
        assert_eq!(calls.answers().await, first, "after everything died");

        calls.later("23 hours 50 minutes").await;
        assert_eq!(calls.kept().await, CALLS.to_string());
        assert_eq!(calls.answers().await, first, "ten minutes before the day is over");
        assert_eq!(calls.effects().await, CALLS.to_string());

        calls.later("10 minutes").await;
        assert_eq!(calls.kept().await, "0", "nothing is kept for ever");
        assert_ne!(calls.answer(0).await, first[0], "the key is free again");
    });
}
