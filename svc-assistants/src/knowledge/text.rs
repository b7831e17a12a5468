//! GetFileText: what was read out of a file, passage by passage.

use neipix_mesh::{Call, Failure, db::Tx, page};
use neipix_proto::assistants::v1::{GetFileTextRequest, GetFileTextResponse};

use super::{rpc::named, store};
use crate::{Assistants, search};

/// A page of a file's passages; empty while it was not read yet.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn get(state: &Assistants, call: Call<GetFileTextRequest>) -> Result<GetFileTextResponse, Failure> {
    let (assistant, id) = named(&call.context, &call.assistant_id, &call.id)?;
    let size = page::Size::new(call.page_size);
    let after: Option<i32> = state.pages.decode(&call.context, &call.page_token)?;
    let ws = call.context.workspace;
    let mut rows = state
        .db
        .in_workspace(&call.context, "knowledge.text", async |tx: &mut Tx| {
            let file = store::find(tx, ws, assistant, id).await?.ok_or_else(Failure::not_found)?;
            Ok::<_, Failure>(store::passages(tx, ws, &file, after.unwrap_or(0), size.fetch()).await?)
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| last.n);
    Ok(GetFileTextResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| state.pages.encode(&call.context, &key))?,
        passages: rows.into_iter().map(search::rpc::to_wire).collect(),
    })
}
