//! What svc-billing learns from others, and its own durable work.

use chrono::Utc;
use neipix_mesh::{Failure, TransferId, WorkspaceId, db::Tx, outbox};
use neipix_proto::billing::events::v1::WalletChanged;

use crate::ledger::{MicroPix, store};

/// `workspace.created`: opens the wallet with the welcome grant, once for ever.
///
/// # Errors
/// Storage; the event comes again.
pub async fn open_wallet(tx: &mut Tx, ws: WorkspaceId, grant: MicroPix) -> Result<(), Failure> {
    let opened = store::open_wallet(tx, ws, TransferId::new(Utc::now()), grant).await.map_err(Failure::from)?;
    if opened {
        let changed = WalletChanged { available_micro_pix: grant.get(), held_micro_pix: 0 };
        outbox::push(tx, outbox::Event { workspace: ws, kind: "wallet.opened", object_version: 1, payload: &changed })
            .await?;
    }
    Ok(())
}
