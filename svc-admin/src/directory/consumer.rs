//! Events that fill the directory. Each carries its object's version or is harmless to repeat.

use std::collections::BTreeMap;

use neipix_mesh::{Failure, UserId, WorkspaceId, consumer::EventRow, db::Tx};
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

/// `wallet.opened` and `wallet.changed`: of several of one workspace, the last says all.
///
/// # Errors
/// Storage; the events come again.
pub async fn wallets_changed(tx: &mut Tx, events: &[&EventRow]) -> Result<(), Failure> {
    let mut last: BTreeMap<WorkspaceId, (i64, i64)> = BTreeMap::new();
    for event in events {
        let told = WalletChanged::decode(event.payload.as_slice()).map_err(Failure::internal)?;
        let known = last.entry(event.workspace).or_insert((event.object_version, told.available_micro_pix));
        if event.object_version > known.0 {
            *known = (event.object_version, told.available_micro_pix);
        }
    }
    store::put_balances(tx, &last).await.map_err(Failure::from)
}
