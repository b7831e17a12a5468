//! The OpenAI-compatible face of an assistant: a translator onto two rpcs, so that any OpenAI client can talk to a
//! neuro-employee. Errors have OpenAI's shape, never problem+json: official clients would find neither message nor code.

mod answer;
mod request;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use neipix_mesh::{
    Failure,
    failure::{Reading, read_status},
};
use neipix_proto::{
    Method,
    chats::v1::{ListModelsRequest, Model, ask_service_client::AskServiceClient},
    methods,
};
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    incoming::{BODY_MOST, Incoming, json_body},
    rest::{admit, outgoing},
    state::Edge,
    strict_json,
};

/// `POST /api/v1/openai/chat/completions`.
pub async fn completions(State(edge): State<Edge>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::read(&parts, &edge);
    let result = try_completions(&edge, &parts.headers, body, &incoming).await;
    finish(&edge, result, &parts.headers, &incoming)
}

/// `GET /api/v1/openai/models`.
pub async fn models(State(edge): State<Edge>, request: Request<Body>) -> Response {
    list(edge, request, String::new()).await
}

/// `GET /api/v1/openai/models/{id}`.
pub async fn model(State(edge): State<Edge>, Path(id): Path<String>, request: Request<Body>) -> Response {
    list(edge, request, id).await
}

/// A refusal in OpenAI's shape.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    retry_after: Option<u64>,
    dont_retry: bool,
}

impl Refusal {
    /// A parameter that would change the answer's meaning.
    #[must_use]
    pub fn parameter(param: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: Some("unsupported_parameter"),
            param: Some(param.to_owned()),
            message: message.into(),
            retry_after: None,
            dont_retry: false,
        }
    }

    /// A field that breaks its rule.
    #[must_use]
    pub fn invalid(param: Option<&str>, message: impl Into<String>) -> Self {
        Self { code: Some("invalid_value"), param: param.map(str::to_owned), ..Self::parameter("", message) }
    }

    /// No pix: a repeat will not help.
    #[must_use]
    pub fn no_quota() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "insufficient_quota",
            code: Some("insufficient_quota"),
            param: None,
            message: "the workspace has too few pix for an answer: top up the wallet".to_owned(),
            retry_after: None,
            dont_retry: true,
        }
    }

    /// Of a refusal of ours or of a service.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let info = reading.reason_or_standard();
        let (status, kind, code) = match info.name {
            "TOKEN_INVALID" | "TOKEN_EXPIRED" | "SESSION_REVOKED" => {
                (401, "invalid_request_error", Some("invalid_api_key"))
            }
            "PERMISSION_DENIED" => (403, "invalid_request_error", Some("permission_denied")),
            "MODEL_NOT_FOUND" | "NOT_FOUND" => (404, "invalid_request_error", Some("model_not_found")),
            "RATE_LIMITED" | "CONTACT_FLOOD" => (429, "requests", Some("rate_limit_exceeded")),
            "UNSUPPORTED_PARAMETER" => (400, "invalid_request_error", Some("unsupported_parameter")),
            "BODY_TOO_LARGE" => (413, "invalid_request_error", Some("context_length_exceeded")),
            "MEDIA_TYPE" => (415, "invalid_request_error", None),
            "METHOD_NOT_ALLOWED" => (405, "invalid_request_error", None),
            _ if info.status() < 500 => (400, "invalid_request_error", None),
            _ => (503, "server_error", Some("server_error")),
        };
        let message = match (status, reading.reason) {
            (503, _) | (_, None) => info.title.to_owned(),
            _ => reading.message.clone(),
        };
        let message =
            reading.fields.first().map_or(message.clone(), |f| format!("{message}: {} {}", f.field, f.message));
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            kind,
            code,
            param: reading.fields.first().map(|f| f.field.clone()),
            message,
            retry_after: reading.retry_after.map(|d| d.as_secs().max(1)),
            dont_retry: false,
        }
    }

    /// The body of the refusal: all four keys, always.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }

    fn response(&self) -> Response {
        let mut response = (self.status, Body::from(self.body().to_string())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.dont_retry {
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        let wait = self.retry_after.or_else(|| (!self.dont_retry && self.status.as_u16() == 429).then_some(1));
        if let Some(Ok(value)) = wait.map(|s| HeaderValue::from_str(&s.to_string())) {
            headers.insert(header::RETRY_AFTER, value);
        }
        response
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::of(&read_status(&failure.into_status()))
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::of(&read_status(&status))
    }
}

fn finish(edge: &Edge, result: Result<Response, Refusal>, headers: &HeaderMap, incoming: &Incoming) -> Response {
    let mut response = result.unwrap_or_else(|refusal| {
        if refusal.status == StatusCode::UNAUTHORIZED {
            edge.keys.forget(headers);
        }
        refusal.response()
    });
    if let Ok(id) = HeaderValue::from_str(&incoming.request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The rpc behind a call, the caller checked.
async fn open(
    edge: &Edge,
    path: &str,
    headers: &HeaderMap,
    incoming: &Incoming,
) -> Result<neipix_mesh::client::Outgoing, Refusal> {
    let method: &'static Method = methods().get(path).ok_or_else(Failure::not_found)?;
    let site = incoming.site.filter(|site| site.serves(method)).ok_or_else(Failure::not_found)?;
    let authorization = admit(edge, method, headers, site, incoming).await?;
    Ok(outgoing(edge, method, authorization, headers, incoming)?)
}

async fn try_completions(
    edge: &Edge,
    headers: &HeaderMap,
    body: Body,
    incoming: &Incoming,
) -> Result<Response, Refusal> {
    let channel = open(edge, "/neipix.chats.v1.AskService/CreateChatCompletion", headers, incoming).await?;
    let bytes = json_body(headers, body, BODY_MOST).await?;
    let value =
        strict_json::parse(&bytes).map_err(|why| Refusal::invalid(None, format!("the body is not JSON: {why}")))?;
    let read = request::read(value, &bytes, retried(headers))?;
    let mut ask = AskServiceClient::new(channel);
    let stream = ask.create_chat_completion(read.request.clone()).await?.into_inner();
    let mut response = if read.request.stream {
        answer::stream(stream, &read, edge.shutdown.clone()).await?
    } else {
        answer::whole(stream, &read).await?
    };
    if let (false, Ok(value)) = (read.ignored.is_empty(), HeaderValue::from_str(&read.ignored.join(", "))) {
        response.headers_mut().insert(HeaderName::from_static("x-neipix-ignored"), value);
    }
    Ok(response)
}

/// Official clients repeat blindly and say only that they do.
fn retried(headers: &HeaderMap) -> bool {
    let count = headers.get("x-stainless-retry-count").and_then(|v| v.to_str().ok()?.parse::<u32>().ok());
    count.is_some_and(|n| n > 0)
}

async fn list(edge: Edge, request: Request<Body>, id: String) -> Response {
    let (parts, _) = request.into_parts();
    let incoming = Incoming::read(&parts, &edge);
    let result = try_list(&edge, &parts.headers, id, &incoming).await;
    finish(&edge, result, &parts.headers, &incoming)
}

async fn try_list(edge: &Edge, headers: &HeaderMap, id: String, incoming: &Incoming) -> Result<Response, Refusal> {
    let channel = open(edge, "/neipix.chats.v1.AskService/ListModels", headers, incoming).await?;
    let one = !id.is_empty();
    let answer = AskServiceClient::new(channel).list_models(ListModelsRequest { id }).await?.into_inner();
    let mut data: Vec<Value> = answer.models.iter().map(shown).collect();
    let body = if one { data.pop().ok_or_else(Failure::not_found)? } else { json!({"object": "list", "data": data}) };
    Ok(axum::Json(body).into_response())
}

fn shown(model: &Model) -> Value {
    let created = model.create_time.as_ref().map_or(0, |t| t.seconds);
    json!({"id": model.id, "object": "model", "created": created, "owned_by": model.owned_by})
}
