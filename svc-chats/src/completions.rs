//! The OpenAI face: CreateChatCompletion and ListModels.

use chrono::Utc;
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use futures::StreamExt as _;
use neipix_mesh::{
    AssistantId, Call, CallContext, ChannelId, Failure, Stream, TurnId, WorkspaceId,
    db::{Keep as _, Tx},
};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    chats::v1::{
        ChatCompletionEvent, CreateChatCompletionRequest, ErrorReason, ListModelsRequest, ListModelsResponse, Model,
        ask_event::Event as Asked, chat_completion_event::Event,
    },
};
use uuid::Uuid;

use crate::{
    Chats,
    ask::{Followed, follow},
    channels,
    ingest::{self, Arrival, Identity, Place, Taken, Timing},
    openai::{self, Overrides, Role, Said},
    runner, stamp,
    turn::store::read,
};

/// Dialogues that begin alike and are looked at.
const ALIKE_MOST: i64 = 20;

fn no_model() -> Failure {
    Failure::new(ErrorReason::ModelNotFound, "the model is not an assistant that this key may use")
}

/// Who calls, as a key of dialogues.
fn caller_id(context: &CallContext) -> Uuid {
    context.key_id().map(|k| k.0).or(context.member_id().map(|m| m.0)).unwrap_or_default()
}

fn said_of(call: &CreateChatCompletionRequest) -> Vec<Said> {
    let role = |role: &str| match role {
        "system" | "developer" => Role::System,
        "assistant" => Role::Assistant,
        _ => Role::User,
    };
    call.messages.iter().map(|m| Said { role: role(&m.role), text: m.text.clone() }).collect()
}

/// Answers a dialogue.
///
/// # Errors
/// MODEL_NOT_FOUND, CONTACT_FLOOD; FIELD_INVALID where the list does not end with a question.
pub async fn create(
    chats: &Chats,
    call: Call<CreateChatCompletionRequest>,
) -> Result<Stream<ChatCompletionEvent>, Failure> {
    let ws = call.context.workspace;
    let assistant: AssistantId = call.model.parse().map_err(|_| no_model())?;
    call.context.sees_assistant(assistant).map_err(|_| no_model())?;
    let channel = channels::api_channel(chats, ws, assistant)
        .await
        .map_err(|error| if error.is(MeshReason::NotFound) { no_model() } else { error })?;
    let caller = caller_id(&call.context);
    if call.retried
        && let Some(taken) = before(chats, ws, caller, &call.body_hash).await?
    {
        return Ok(events(chats, ws, taken, None));
    }
    let value = if call.user.is_empty() { format!("openai:{caller}") } else { call.user.clone() };
    chats.flood.check(ws, &format!("openai:{assistant}:{value}")).await?;
    let all = said_of(&call);
    let (said_before, question) = openai::question(&all).map_err(|e| Failure::invalid("messages", e.to_string()))?;
    let place = Place {
        channel,
        assistant,
        external_key: place_of(chats, ws, channel, &call, &all, &said_before, assistant, &value).await?,
        address: String::new(),
    };
    let mut request = Overrides {
        temperature: call.temperature,
        top_p: call.top_p,
        stop: call.stop.clone(),
        max_output_tokens: call.max_output_tokens,
        instruction: openai::caller_instruction(&all),
        prefix: openai::prefix(&said_before, &question),
        ..Overrides::default()
    };
    request.keep_before(&said_before);
    let arrival = Arrival {
        workspace: ws,
        place,
        identity: Identity { kind: "api", scope: assistant.to_string(), value, name: String::new() },
        external_id: format!("openai:{}", Uuid::now_v7()),
        update_id: None,
        text: question.join("\n\n").chars().filter(|c| *c != '\0').collect(),
        timing: Timing::Now { streamed: call.stream },
        client_id: None,
        request: Some(serde_json::to_value(&request).map_err(Failure::internal)?),
        ask_key: Some((caller, call.body_hash.to_vec())),
    };
    let taken = ingest::take(chats, &arrival).await?;
    let live = runner::start(chats, &arrival, &taken);
    Ok(events(chats, ws, taken, live))
}

fn events(
    chats: &Chats,
    ws: WorkspaceId,
    taken: Taken,
    live: Option<std::sync::Arc<crate::live::LiveTurn>>,
) -> Stream<ChatCompletionEvent> {
    let told = follow(chats, ws, taken, live, Followed::Completion);
    Box::pin(told.filter_map(|event| async {
        let event = match event {
            Err(failure) => return Some(Err(failure)),
            Ok(event) => match event.event? {
                Asked::Accepted(accepted) => Event::Accepted(accepted),
                Asked::Delta(delta) => Event::Delta(delta),
                Asked::Finished(turn) => Event::Finished(turn),
                Asked::Partial(_) | Asked::Restarted(_) => return None,
            },
        };
        Some(Ok(ChatCompletionEvent { event: Some(event) }))
    }))
}

/// The first call of a client's own retry.
async fn before(chats: &Chats, ws: WorkspaceId, caller: Uuid, hash: &[u8]) -> Result<Option<Taken>, Failure> {
    let asked = chats
        .db
        .in_workspace_id(ws, "chats.asked_before", async |tx: &mut Tx| read::asked_before(tx, ws, caller, hash).await)
        .await?;
    Ok(asked.map(|asked| Taken {
        message: asked.message_id,
        conversation: asked.conversation_id,
        turn: asked.turn_id,
        duplicate: true,
        begun: None,
    }))
}

#[derive(QueryableByName)]
struct AlikeRow {
    #[diesel(sql_type = Text)]
    external_key: String,
    #[diesel(sql_type = Nullable<Text>)]
    prefix: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    answer: Option<String>,
}

/// The key of the dialogue that the list goes on with, or of a new one.
#[expect(clippy::too_many_arguments, reason = "the parts of one call")]
async fn place_of(
    chats: &Chats,
    ws: WorkspaceId,
    channel: ChannelId,
    call: &Call<CreateChatCompletionRequest>,
    all: &[Said],
    before: &[Said],
    assistant: AssistantId,
    value: &str,
) -> Result<String, Failure> {
    let key = openai::conversation_key(&caller_id(&call.context).to_string(), &call.user, &call.conversation_key, all);
    if !call.conversation_key.is_empty() {
        return Ok(key);
    }
    if !before.iter().any(|s| s.role == Role::Assistant) {
        return Ok(fresh(&key));
    }
    let scope = assistant.to_string();
    let alike: Vec<AlikeRow> = chats
        .db
        .in_workspace_id(ws, "chats.alike", async |tx: &mut Tx| {
            Ok::<_, Failure>(
                sql_query(
                    "SELECT c.external_key, t.request ->> 'prefix' AS prefix, m.text AS answer FROM contact_identity i \
                     JOIN conversation c ON c.workspace_id = i.workspace_id AND c.contact_id = i.contact_id \
                     LEFT JOIN LATERAL (SELECT request, answer_message_id FROM turn WHERE workspace_id = c.workspace_id \
                         AND conversation_id = c.id ORDER BY created_at DESC, id DESC LIMIT 1) AS t ON true \
                     LEFT JOIN message m ON m.workspace_id = c.workspace_id AND m.id = t.answer_message_id \
                     WHERE i.workspace_id = $1 AND i.kind = 'api' AND i.scope = $2 AND i.value = $3 AND c.channel_id = $4 \
                     AND c.external_key >= $5 || '/' AND c.external_key < $5 || '0' ORDER BY c.updated_at DESC LIMIT $6",
                )
                .bind::<SqlUuid, _>(ws)
                .bind::<Text, _>(&scope)
                .bind::<Text, _>(value)
                .bind::<SqlUuid, _>(channel)
                .bind::<Text, _>(&key)
                .bind::<diesel::sql_types::BigInt, _>(ALIKE_MOST)
                .kept()
                .load(tx)
                .await?,
            )
        })
        .await?;
    let goes_on = alike.into_iter().find(|row| {
        let prefix = row.prefix.as_deref().unwrap_or_default();
        openai::continues(prefix, row.answer.as_deref().unwrap_or_default(), before)
    });
    Ok(goes_on.map_or_else(|| fresh(&key), |row| row.external_key))
}

/// Dialogues that begin alike lie side by side.
fn fresh(key: &str) -> String {
    format!("{key}/{}", TurnId::new(Utc::now()).0.simple())
}

/// The published assistants that the key may use.
///
/// # Errors
/// MODEL_NOT_FOUND where one is asked for that is not among them.
pub async fn models(chats: &Chats, call: Call<ListModelsRequest>) -> Result<ListModelsResponse, Failure> {
    let ws = call.context.workspace;
    let asked: Option<AssistantId> = match call.id.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| no_model())?),
    };
    let only = match (asked, call.context.assistant) {
        (Some(asked), Some(own)) if asked != own => return Err(no_model()),
        (asked, own) => asked.or(own),
    };
    let rows = chats
        .db
        .in_workspace(&call.context, "chats.models", async |tx: &mut Tx| channels::store::published(tx, ws, only).await)
        .await?;
    if asked.is_some() && rows.is_empty() {
        return Err(no_model());
    }
    let models = rows.into_iter().map(|row| Model {
        id: row.assistant_id.to_string(),
        create_time: Some(stamp(row.created_at)),
        owned_by: ws.to_string(),
    });
    Ok(ListModelsResponse { models: models.collect() })
}
