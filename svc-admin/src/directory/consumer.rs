//! Events that fill the directory. Each carries its object's version or is harmless to repeat.

use neipix_mesh::{Failure, UserId, consumer::EventRow, db::Tx};
use neipix_proto::{
    auth::events::v1::{UserRegistered, WorkspaceCreated},
    billing::events::v1::WalletChanged,
};
use prost::Message as _;

use super::store;

fn user(id: &str) -> Result<UserId, Failure> {
    id.parse().map_err(Failure::internal)
}

/// `user.registered`.
///
/// # Errors
/// Storage; the event comes again.
pub async fn user_registered(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = UserRegistered::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    store::put_user(tx, user(&told.user_id)?, &told.platform_role).await.map_err(Failure::from)
}

/// `workspace.created`.
///
/// # Errors
/// Storage; the event comes again.
pub async fn workspace_created(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = WorkspaceCreated::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    store::put_workspace(tx, event.workspace, user(&told.owner_user_id)?).await.map_err(Failure::from)
}

/// `wallet.opened` and `wallet.changed`.
///
/// # Errors
/// Storage; the event comes again.
pub async fn wallet_changed(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = WalletChanged::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    store::put_balance(tx, event.workspace, told.available_micro_pix, event.object_version).await.map_err(Failure::from)
}
