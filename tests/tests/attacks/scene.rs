//! A product with two owners, and its state before the attack.

use neipix_local::testing::{self, TestProduct};
use neipix_tests::{
    client::{Bearer, Rest, Surface},
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

    /// Somebody on a site with a widget of the owner's.
    pub async fn visitor(&self) -> Rest<Bearer> {
        let (assistant, site) = (self.assistant("Ромашка").await, "https://shop.example");
        let widget = json!({"kind": "CHANNEL_KIND_WIDGET", "widget": {"origins": [site]}});
        let made = self.owner.post(&format!("/api/v1/assistants/{assistant}/channels"), widget).await.ok();
        let page = Rest::at(self.test.product.address, Surface::Widget).with_header("origin", site);
        let path = format!("/api/v1/widget/{}/visitor", made["widget"]["key"].as_str().unwrap());
        let session = page.post(&path, json!({})).await.ok();
        page.bearer(session["accessToken"].as_str().unwrap())
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
