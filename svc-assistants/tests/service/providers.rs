//! Staff and providers.

use neipix_mesh::WorkspaceId;
use neipix_proto::assistants::v1::{
    CreateProviderRequest, DeleteProviderRequest, ListProvidersRequest, Provider, ProviderKind, TestProviderRequest,
    UpdateProviderRequest,
};
use prost_types::FieldMask;
use svc_assistants::providers::{rpc, trial};

use crate::{
    harness::{Test, reason},
    peer::{Act, Peer},
};

fn provider(url: &str) -> Provider {
    Provider {
        name: "P".into(),
        kind: ProviderKind::OpenaiCompatible.into(),
        base_url: url.into(),
        model: "m".into(),
        api_key: "sk-canary-0123456789".into(),
        ..Provider::default()
    }
}

async fn create(t: &Test, provider: Provider) -> Result<Provider, neipix_mesh::Failure> {
    let request = CreateProviderRequest { provider: Some(provider) };
    rpc::create(&t.state, t.call_in(WorkspaceId::PLATFORM, "CreateProvider", request)).await
}

async fn update(t: &Test, provider: Provider, paths: &[&str]) -> Result<Provider, neipix_mesh::Failure> {
    let mask = FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() };
    let request = UpdateProviderRequest { provider: Some(provider), update_mask: Some(mask) };
    rpc::update(&t.state, t.call_in(WorkspaceId::PLATFORM, "UpdateProvider", request)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_101_a_key_goes_in_and_never_comes_out() {
    let (_peer, address) = Peer::start(&[]).await;
    let t = Test::with(&[("EGRESS_ALLOW", &address)]).await;
    let made = create(&t, provider(&format!("http://{address}/v1/"))).await.unwrap();
    assert_eq!(
        (made.api_key.as_str(), made.api_key_last4.as_str(), made.base_url),
        ("", "6789", format!("http://{address}/v1"))
    );
    let renamed = Provider { id: made.id.clone(), name: "Q".into(), etag: made.etag.clone(), ..Provider::default() };
    let renamed = update(&t, renamed, &["name", "api_key"]).await.unwrap();
    assert_eq!(
        (renamed.name.as_str(), renamed.api_key_last4.as_str()),
        ("Q", "6789"),
        "an absent key keeps the former"
    );
    let seen = "SELECT count(*) FROM provider p, outbox o WHERE p::text LIKE '%canary%' OR encode(p.sealed_key, 'escape') LIKE '%canary%' OR encode(o.payload, 'escape') LIKE '%canary%'";
    assert_eq!(t.number(seen).await, 0);
    let stale = Provider { id: made.id, etag: made.etag, ..Provider::default() };
    assert_eq!(reason(update(&t, stale, &["disabled"]).await), "ETAG_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn k_8_a_provider_inside_the_house_is_refused() {
    let t = Test::start().await;
    for url in [
        "http://127.0.0.1:9/v1",
        "https://169.254.169.254/v1",
        "https://2130706433/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "ftp://example.com",
    ] {
        let refused = reason(create(&t, provider(url)).await);
        assert!(["URL_FORBIDDEN", "FIELD_INVALID"].contains(&refused), "{url}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_answerer_stays() {
    let t = Test::start().await;
    let list = rpc::list(&t.state, t.call_in(WorkspaceId::PLATFORM, "ListProviders", ListProvidersRequest::default()))
        .await
        .unwrap();
    let built_in = list.providers.into_iter().find(|p| p.kind() == ProviderKind::Extractive).unwrap();
    let delete = DeleteProviderRequest { id: built_in.id.clone() };
    assert_eq!(
        reason(rpc::delete(&t.state, t.call_in(WorkspaceId::PLATFORM, "DeleteProvider", delete)).await),
        "PROVIDER_BUILT_IN"
    );
    let disabled = Provider { disabled: true, ..built_in.clone() };
    assert_eq!(reason(update(&t, disabled, &["disabled"]).await), "PROVIDER_BUILT_IN");
    let second = Provider { kind: ProviderKind::Extractive.into(), ..provider("https://example.com") };
    assert_eq!(reason(create(&t, second).await), "FIELD_INVALID");
    let renamed = Provider { name: "Свой".into(), ..built_in };
    assert_eq!(update(&t, renamed, &["name"]).await.unwrap().name, "Свой");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_tells_what_came() {
    let acts = [Act::Say("ready"), Act::Refuse(401, "{\"error\":{\"message\":\"sk-canary-0123456789\"}}", None)];
    let (_peer, address) = Peer::start(&acts).await;
    let t = Test::with(&[("EGRESS_ALLOW", &address)]).await;
    let made = create(&t, provider(&format!("http://{address}/v1"))).await.unwrap();
    let test = async || {
        let request = TestProviderRequest { id: made.id.clone() };
        trial::test(&t.state, t.call_in(WorkspaceId::PLATFORM, "TestProvider", request)).await.unwrap()
    };
    let good = test().await;
    assert!(good.ok && good.text == "ready" && good.first_token_ms > 0, "{good:?}");
    let bad = test().await;
    assert_eq!((bad.ok, bad.error.as_str(), bad.text.as_str()), (false, "auth", ""));
}
