//! A product with two owners, and its state before the attack.

use neipix_local::testing::{self, TestProduct};
use neipix_tests::{
    client::{Bearer, Rest},
    digest::{Digest, State},
    stage,
};
use serde_json::json;

pub struct Scene {
    pub test: TestProduct,
    pub owner: Rest<Bearer>,
    state: State,
}

impl Scene {
    pub async fn set() -> Self {
        let test = testing::start(&[("WELCOME_GRANT_MICRO_PIX", "100000000")]).await.expect("the product");
        let owner = stage::owner(&test, "owner@romashka.example").await;
        let state = State::of(&test.verify_url).await;
        Self { test, owner, state }
    }

    /// The owner of another workspace.
    pub async fn stranger(&self) -> Rest<Bearer> {
        stage::owner(&self.test, "stranger@vasilek.example").await
    }

    pub async fn assistant(&self, name: &str) -> String {
        let made = self.owner.post("/api/v1/assistants", json!({"draft": {"name": name}})).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }

    /// The state now, to be compared with [`Scene::unchanged`].
    pub async fn state(&self) -> Digest {
        self.state.settled().await
    }

    pub async fn unchanged(&self, before: &Digest) {
        self.state.is_still(before).await;
    }

    pub async fn end(self) {
        self.test.product.stop().await;
    }
}
