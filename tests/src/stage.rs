//! People of a product: accounts made without letters, signed in and ready to act.

use neipix_local::testing::TestProduct;
use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, auth_service_client::AuthServiceClient};
use serde_json::json;

use crate::client::{Bearer, Rest, Surface};

/// Everybody's password.
pub const PASSWORD: &str = "long enough 1";

/// The owner of a workspace of their own, at the API's host.
///
/// # Panics
/// When the product refuses.
pub async fn owner(product: &TestProduct, email: &str) -> Rest<Bearer> {
    provision(product, email, "Ромашка", PlatformRole::Unspecified).await;
    sign_in(product, email, Surface::Api).await
}

/// Somebody of the staff, at the panel's host.
///
/// # Panics
/// When the product refuses.
pub async fn staff(product: &TestProduct, email: &str, role: PlatformRole) -> Rest<Bearer> {
    provision(product, email, "", role).await;
    sign_in(product, email, Surface::Admin).await
}

async fn provision(product: &TestProduct, email: &str, workspace: &str, role: PlatformRole) {
    let request = ProvisionUserRequest {
        email: email.into(),
        password: PASSWORD.into(),
        name: "Анна".into(),
        workspace_name: workspace.into(),
        platform_role: role.into(),
        ..ProvisionUserRequest::default()
    };
    let mut auth = AuthServiceClient::new(product.product.cli.background("svc-auth"));
    let made = auth.provision_user(request).await;
    assert!(made.is_ok(), "{email}: {made:?}");
}

async fn sign_in(product: &TestProduct, email: &str, surface: Surface) -> Rest<Bearer> {
    let host = Rest::at(product.product.address, surface);
    let name = if surface == Surface::Admin { "SURFACE_ADMIN" } else { "SURFACE_API" };
    let body = json!({"email": email, "password": PASSWORD, "surface": name});
    let tokens = host.browser().post("/api/v1/auth/login", body).await.ok();
    host.bearer(tokens["accessToken"].as_str().unwrap_or_default())
}
