//! Passages for a customer's words, from svc-assistants.

use std::sync::Arc;

use futures::{FutureExt as _, future::Shared};
use neipix_mesh::{AssistantId, WorkspaceId};
use neipix_proto::assistants::v1::{
    RetrieveRequest, RetrieveResponse, assistant_service_client::AssistantServiceClient,
};
use tokio::sync::oneshot;

use crate::Chats;

/// Longest question, in characters.
const QUESTION_MOST: usize = 20_000;

/// What a search found, the best first.
pub type Found = Arc<RetrieveResponse>;

/// Passages that are being looked for. An error where nobody looks any more.
pub type Sought = Shared<oneshot::Receiver<Found>>;

/// Looks for passages beside the caller, where the assistant answers at all.
pub fn seek(chats: &Chats, ws: WorkspaceId, assistant: AssistantId, text: String) -> Sought {
    let (sender, receiver) = oneshot::channel();
    let state = chats.clone();
    chats.tasks.spawn("retrieval", async move {
        let Ok(plan) = state.plans.get(ws, assistant).await else { return };
        if plan.answers() {
            // Nobody waits for it where the message was not stored.
            let _ = sender.send(passages(&state, ws, assistant, &[text]).await);
        }
    });
    receiver.shared()
}

/// Passages that fit, the best first; none where retrieval does not answer: the answer is poorer, not absent.
pub async fn passages(chats: &Chats, ws: WorkspaceId, assistant: AssistantId, texts: &[String]) -> Found {
    let request = RetrieveRequest {
        workspace_id: ws.to_string(),
        assistant_id: assistant.to_string(),
        question: texts.join("\n").chars().take(QUESTION_MOST).collect(),
        limit: 0,
    };
    let mut client = AssistantServiceClient::new(chats.mesh.background("svc-assistants"));
    match client.retrieve(request).await {
        Ok(answer) => Arc::new(answer.into_inner()),
        Err(status) => {
            tracing::warn!(workspace.id = %ws, error = status.message(), "retrieval did not answer");
            Found::default()
        }
    }
}
