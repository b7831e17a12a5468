//! The OpenAI-compatible face: CreateChatCompletion, ListModels.

use chrono::Utc;
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Bytea, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use futures::StreamExt as _;
use neipix_mesh::{
    AssistantId, Call, CallContext, ConversationId, Failure, MessageId, Stream, TurnId, WorkspaceId, db::Tx,
};
use neipix_proto::chats::v1::{
    Accepted, AnswerDelta, ChatCompletionEvent, CreateChatCompletionRequest, ErrorReason, ListModelsRequest,
    ListModelsResponse, Model, chat_completion_event::Event,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Told, api_channel, follow, start};
use crate::{
    Chats,
    conversations::wire::stamp,
    ingest::{self, Incoming, Ingested},
};

fn not_a_model() -> Failure {
    Failure::new(ErrorReason::ModelNotFound, "the model is not an assistant that this key may use")
}

/// Answers an OpenAI client: one stream for both of its ways to read.
///
/// # Errors
/// MODEL_NOT_FOUND, UNSUPPORTED_PARAMETER, CONTACT_FLOOD.
pub async fn create(
    chats: &Chats,
    call: Call<CreateChatCompletionRequest>,
) -> Result<Stream<ChatCompletionEvent>, Failure> {
    let context = &call.context;
    let assistant: AssistantId = call.model.parse().map_err(|_| not_a_model())?;
    context.sees_assistant(assistant).map_err(|_| not_a_model())?;
    let channel = api_channel(chats, context, assistant)
        .await
        .map_err(|failure| if failure.reason().name == "NOT_FOUND" { not_a_model() } else { failure })?;
    let live = chats.hub.listen(context.workspace);
    let incoming = incoming(&call, channel, assistant)?;
    let key = context.key_id().map(|k| k.0).or(context.member_id().map(|m| m.0)).unwrap_or_default();
    let ws = context.workspace;
    let ingested = chats
        .db
        .in_workspace(context, "chats.completion", async |tx: &mut Tx| {
            if call.retried
                && let Some(before) = joined(tx, ws, key, &call.body_hash).await?
            {
                return Ok(before);
            }
            let ingested = ingest::ingest(tx, ws, &incoming).await?;
            if let Some(turn) = ingested.turn {
                note(tx, ws, key, &call.body_hash, turn, ingested.message).await?;
            }
            Ok::<_, Failure>(ingested)
        })
        .await?;
    start(chats, context, &ingested, call.stream);
    let Some(turn) = ingested.turn else { return Err(Failure::unavailable("the question has no turn")) };
    let (out, mut told) = mpsc::channel(256);
    chats.tasks.spawn("follow", follow(chats.clone(), ws, turn, live, out));
    let accepted = Accepted {
        message_id: ingested.message.to_string(),
        conversation_id: ingested.conversation.to_string(),
        turn_id: turn.to_string(),
    };
    let (turn_id, conversation_id) = (accepted.turn_id.clone(), accepted.conversation_id.clone());
    let first = futures::stream::iter([Ok(ChatCompletionEvent { event: Some(Event::Accepted(accepted)) })]);
    let rest = futures::stream::poll_fn(move |cx| told.poll_recv(cx)).filter_map(move |item| {
        let event = item.map(|told| event(told, &turn_id, &conversation_id));
        std::future::ready(match event {
            Ok(Some(event)) => Some(Ok(ChatCompletionEvent { event: Some(event) })),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    });
    Ok(Box::pin(first.chain(rest)))
}

fn event(told: Told, turn_id: &str, conversation_id: &str) -> Option<Event> {
    let (turn_id, conversation_id) = (turn_id.to_owned(), conversation_id.to_owned());
    match told {
        Told::Partial(text) => Some(Event::Delta(AnswerDelta { turn_id, conversation_id, offset: 0, text })),
        Told::Delta(offset, text) => Some(Event::Delta(AnswerDelta { turn_id, conversation_id, offset, text })),
        // Such a client cannot forget what it read: a claimed answer never starts over before its eyes.
        Told::Restarted => None,
        Told::Finished(turn) => Some(Event::Finished(turn)),
    }
}

/// The last words of the customer are the message; what came before is the history the client sent.
fn incoming(
    call: &Call<CreateChatCompletionRequest>,
    channel: neipix_mesh::ChannelId,
    assistant: AssistantId,
) -> Result<Incoming, Failure> {
    let last = call.messages.iter().rposition(|m| m.role == "user");
    let last = last.ok_or_else(|| Failure::invalid("messages", "must hold a message of the user"))?;
    let text = call.messages[last].text.clone();
    if text.trim().is_empty() || text.chars().count() > 20_000 {
        return Err(Failure::invalid("messages", "the last message of the user must be 1 to 20,000 characters long"));
    }
    let instruction: Vec<&str> = call
        .messages
        .iter()
        .filter(|m| matches!(m.role.as_str(), "system" | "developer"))
        .map(|m| m.text.as_str())
        .collect();
    let instruction: String = instruction.join("\n").chars().take(20_000).collect();
    let history: Vec<Value> = call.messages[..last]
        .iter()
        .filter(|m| matches!(m.role.as_str(), "user" | "assistant"))
        .map(|m| json!({"role": m.role, "text": m.text}))
        .collect();
    let mut options = json!({"history": history, "instruction": instruction, "stop": call.stop});
    if let Some(n) = call.max_output_tokens {
        options["max_output_tokens"] = json!(n);
    }
    if let Some(n) = call.temperature {
        options["temperature"] = json!((n / 2.0).clamp(0.0, 1.0));
    }
    if let Some(n) = call.top_p {
        options["top_p"] = json!(n);
    }
    let identity = if call.user.is_empty() { call.context.actor() } else { call.user.clone() };
    let first_user = call.messages.iter().find(|m| m.role == "user").map(|m| m.text.as_str()).unwrap_or_default();
    let found = hex::encode(&Sha256::digest(format!("{identity}\u{0}{instruction}\u{0}{first_user}"))[..12]);
    let external_key = if call.conversation_key.is_empty() {
        format!("openai:{found}")
    } else {
        format!("openai:key:{}", call.conversation_key)
    };
    Ok(Incoming {
        channel,
        assistant,
        identity_kind: "api",
        identity_scope: assistant.to_string(),
        identity,
        name: String::new(),
        external_key,
        external_id: format!("openai:{}", Uuid::now_v7()),
        text,
        delay_seconds: None,
        options,
    })
}

async fn joined(tx: &mut Tx, ws: WorkspaceId, key: Uuid, hash: &[u8]) -> Result<Option<Ingested>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        message_id: MessageId,
        #[diesel(sql_type = SqlUuid)]
        turn_id: TurnId,
        #[diesel(sql_type = SqlUuid)]
        conversation_id: ConversationId,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT d.message_id, d.turn_id, t.conversation_id FROM ask_dedupe d JOIN turn t \
         ON t.workspace_id = d.workspace_id AND t.id = d.turn_id WHERE d.workspace_id = $1 AND d.key_id = $2 \
         AND d.body_hash = $3 AND d.at > clock_timestamp() - interval '10 minutes'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(key)
    .bind::<Bytea, _>(hash)
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|r| Ingested {
        message: r.message_id,
        conversation: r.conversation_id,
        turn: Some(r.turn_id),
        duplicate: true,
    }))
}

async fn note(
    tx: &mut Tx,
    ws: WorkspaceId,
    key: Uuid,
    hash: &[u8],
    turn: TurnId,
    message: MessageId,
) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO ask_dedupe (workspace_id, key_id, body_hash, turn_id, message_id) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workspace_id, key_id, body_hash) DO UPDATE SET turn_id = excluded.turn_id, \
         message_id = excluded.message_id, at = clock_timestamp()",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(key)
    .bind::<Bytea, _>(hash)
    .bind::<SqlUuid, _>(turn)
    .bind::<SqlUuid, _>(message)
    .execute(tx)
    .await?;
    Ok(())
}

/// The published assistants that the caller may use.
///
/// # Errors
/// MODEL_NOT_FOUND.
pub async fn models(chats: &Chats, call: Call<ListModelsRequest>) -> Result<ListModelsResponse, Failure> {
    let context: &CallContext = &call.context;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        assistant_id: AssistantId,
        #[diesel(sql_type = Timestamptz)]
        created_at: chrono::DateTime<Utc>,
    }
    let ws = context.workspace;
    let rows: Vec<Row> = chats
        .db
        .in_workspace(context, "chats.models", async |tx: &mut Tx| {
            Ok::<_, Failure>(
                diesel::sql_query(
                    "SELECT assistant_id, created_at FROM channel WHERE workspace_id = $1 AND kind = 'api' \
                     AND assistant_status = 'published' AND ($2 = '' OR assistant_id::text = $2) ORDER BY created_at LIMIT 200",
                )
                .bind::<SqlUuid, _>(ws)
                .bind::<Text, _>(&call.id)
                .load(tx)
                .await?,
            )
        })
        .await?;
    let models: Vec<Model> = rows
        .into_iter()
        .filter(|r| context.sees_assistant(r.assistant_id).is_ok())
        .map(|r| Model {
            id: r.assistant_id.to_string(),
            create_time: Some(stamp(r.created_at)),
            owned_by: ws.to_string(),
        })
        .collect();
    if models.is_empty() && !call.id.is_empty() {
        return Err(not_a_model());
    }
    Ok(ListModelsResponse { models })
}
