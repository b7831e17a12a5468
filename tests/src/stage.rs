//! People of a product: accounts made without letters, signed in and ready to act.

use neipix_local::testing::TestProduct;
use neipix_proto::auth::v1::{
    PlatformRole, ProvisionUserRequest, ProvisionUserResponse, Role, auth_service_client::AuthServiceClient,
};
use serde_json::json;

use crate::client::{Bearer, Rest, Surface};

/// Everybody's password.
pub const PASSWORD: &str = "long enough 1";

/// The owner of a workspace of their own, at the API's host.
///
/// # Panics
/// When the product refuses.
pub async fn owner(product: &TestProduct, email: &str) -> Rest<Bearer> {
    let made = provision(product, Newcomer { workspace: "Ромашка", ..Newcomer::of(email) }).await;
    assert!(made.is_ok(), "{email}: {made:?}");
    sign_in(product, email, Surface::Api).await
}

/// Somebody of the staff, at the panel's host.
///
/// # Panics
/// When the product refuses.
pub async fn staff(product: &TestProduct, email: &str, role: PlatformRole) -> Rest<Bearer> {
    let made = provision(product, Newcomer { platform_role: role, ..Newcomer::of(email) }).await;
    assert!(made.is_ok(), "{email}: {made:?}");
    sign_in(product, email, Surface::Admin).await
}

/// Somebody who is to have an account, with [`PASSWORD`].
#[derive(Debug)]
pub struct Newcomer<'a> {
    pub email: &'a str,
    pub name: &'a str,
    /// Name of a workspace of their own; empty = none.
    pub workspace: &'a str,
    /// Id of another's workspace to join, as `role`; empty = none.
    pub join: &'a str,
    pub role: Role,
    pub platform_role: PlatformRole,
}

impl<'a> Newcomer<'a> {
    /// Somebody without any workspace or role.
    #[must_use]
    pub fn of(email: &'a str) -> Self {
        let (role, platform_role) = (Role::Unspecified, PlatformRole::Unspecified);
        Self { email, name: "Анна", workspace: "", join: "", role, platform_role }
    }
}

/// Makes an account without a letter.
///
/// # Errors
/// What svc-auth refuses.
pub async fn provision(product: &TestProduct, newcomer: Newcomer<'_>) -> Result<ProvisionUserResponse, tonic::Status> {
    let request = ProvisionUserRequest {
        email: newcomer.email.into(),
        password: PASSWORD.into(),
        name: newcomer.name.into(),
        workspace_name: newcomer.workspace.into(),
        join_workspace_id: newcomer.join.into(),
        role: newcomer.role.into(),
        platform_role: newcomer.platform_role.into(),
        ..ProvisionUserRequest::default()
    };
    let mut auth = AuthServiceClient::new(product.product.cli.background("svc-auth"));
    Ok(auth.provision_user(request).await?.into_inner())
}

async fn sign_in(product: &TestProduct, email: &str, surface: Surface) -> Rest<Bearer> {
    let host = Rest::at(product.product.address, surface);
    let name = if surface == Surface::Admin { "SURFACE_ADMIN" } else { "SURFACE_API" };
    let body = json!({"email": email, "password": PASSWORD, "surface": name});
    let tokens = host.browser().post("/api/v1/auth/login", body).await.ok();
    host.bearer(tokens["accessToken"].as_str().unwrap_or_default())
}
