//! Any rpc by its descriptor, over any gRPC channel, and any refusal in one form.

use std::time::Duration;

use bytes::Buf as _;
use http::uri::PathAndQuery;
use neipix_mesh::failure::read_status;
use neipix_proto::Method;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::{
    Request, Status,
    body::Body,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tower::{BoxError, Service};

/// A stream that says nothing for so long was let in.
const SILENCE: Duration = Duration::from_secs(2);

/// What came back, whatever the door.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The answer, or the first message of a stream, as JSON; null where a stream said nothing yet.
    Answered(serde_json::Value),
    Refused(Refusal),
}

/// Why not.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status of the reason.
    pub status: u16,
    pub reason: String,
    /// Everything else that the caller sees and that must not tell one case from another: words, fields, headers.
    pub rest: serde_json::Value,
}

impl Outcome {
    /// Status and reason; 200 and nothing where it was answered.
    #[must_use]
    pub fn short(&self) -> (u16, &str) {
        match self {
            Self::Answered(_) => (200, ""),
            Self::Refused(refusal) => (refusal.status, &refusal.reason),
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let reading = read_status(&status);
        let info = reading.reason_or_standard();
        let fields: Vec<_> = reading.fields.iter().map(|f| serde_json::json!([f.field, f.message])).collect();
        let rest = serde_json::json!({"code": i32::from(status.code()), "message": reading.message, "fields": fields});
        Self { status: info.status(), reason: info.name.to_owned(), rest }
    }
}

/// Calls an rpc with metadata; of a stream only the first message is read.
///
/// # Panics
/// When the metadata cannot be sent.
pub async fn call<T>(channel: T, method: &'static Method, request: &DynamicMessage, more: &[(&str, String)]) -> Outcome
where
    T: Service<http::Request<Body>, Response = http::Response<Body>>,
    T::Error: Into<BoxError>,
{
    let mut asked = Request::new(request.clone());
    for (name, value) in more {
        let name: tonic::metadata::AsciiMetadataKey = name.parse().expect("a metadata key given by a test");
        asked.metadata_mut().insert(name, value.parse().expect("a metadata value given by a test"));
    }
    match answered(channel, method, asked).await {
        Ok(json) => Outcome::Answered(json),
        Err(status) => Outcome::Refused(status.into()),
    }
}

async fn answered<T>(
    channel: T,
    method: &'static Method,
    asked: Request<DynamicMessage>,
) -> Result<serde_json::Value, Status>
where
    T: Service<http::Request<Body>, Response = http::Response<Body>>,
    T::Error: Into<BoxError>,
{
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static(method.path.as_str());
    let codec = Dynamic(method.descriptor.output());
    if !method.descriptor.is_server_streaming() {
        return grpc.unary(asked, path, codec).await.map(|answer| json(&answer.into_inner()));
    }
    let mut stream = grpc.server_streaming(asked, path, codec).await?.into_inner();
    match tokio::time::timeout(SILENCE, stream.message()).await {
        Ok(first) => Ok(first?.as_ref().map_or(serde_json::Value::Null, json)),
        Err(_) => Ok(serde_json::Value::Null),
    }
}

/// A message as REST writes it.
///
/// # Panics
/// When it holds what JSON cannot say.
#[must_use]
pub fn json(message: &DynamicMessage) -> serde_json::Value {
    serde_json::to_value(message).expect("a message is JSON")
}

/// A codec of messages that only the descriptor knows; it holds the answer's.
#[derive(Clone)]
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        self.clone()
    }
    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;
    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;
    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = source.copy_to_bytes(source.remaining());
        DynamicMessage::decode(self.0.clone(), bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
