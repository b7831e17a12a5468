//! The one message of a request, read with a cap before anything is decoded.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use neipix_proto::{Method, access::v1::ErrorReason};
use tonic::body::Body;

use crate::failure::Failure;

/// Flag and length of a gRPC message.
const HEAD: usize = 5;
/// Between processes of the mesh.
const INTERNAL_LIMIT: usize = 4 * 1024 * 1024;
/// From callers outside.
const PUBLIC_LIMIT: usize = 1024 * 1024;

/// The longest message of an rpc, bytes.
pub(super) fn limit(method: &Method) -> usize {
    if method.is_internal() { INTERNAL_LIMIT } else { PUBLIC_LIMIT }
}

/// Refuses compressed messages: what they unfold to cannot be told from their length.
pub(super) fn plain(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get("grpc-encoding").map(http::HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(compressed()),
    }
}

fn compressed() -> Failure {
    Failure::new(ErrorReason::BodyTooLarge, "compressed messages are not read; send grpc-encoding identity")
}

/// Reads exactly one message with its head. Never holds more than the limit and one frame.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    let malformed = |detail| Failure::new(ErrorReason::BodyMalformed, detail);
    let mut all = BytesMut::new();
    let mut expected = None;
    while let Some(part) = body.frame().await {
        let part = part.map_err(|e| malformed("the request ended before its message was whole").with_source(e))?;
        let Ok(data) = part.into_data() else { continue };
        all.extend_from_slice(&data);
        if expected.is_none() && all.len() >= HEAD {
            expected = Some(declared(&all, limit)?);
        }
        if expected.is_some_and(|length| all.len() > length) {
            return Err(malformed("the request has more than one message"));
        }
    }
    match expected {
        Some(length) if all.len() == length => Ok(all.freeze()),
        Some(_) => Err(malformed("the request ended before its message was whole")),
        None => Err(malformed("the request has no message")),
    }
}

/// Head and message together, in bytes, as the head says.
fn declared(bytes: &[u8], limit: usize) -> Result<usize, Failure> {
    let (Some(flag), Some(length)) = (bytes.first(), bytes.get(1..HEAD)) else { return Ok(0) };
    if *flag != 0 {
        return Err(compressed());
    }
    let length = length.iter().fold(0_usize, |n, byte| (n << 8) | usize::from(*byte));
    if length > limit {
        return Err(Failure::new(
            ErrorReason::BodyTooLarge,
            format!("the message is {length} bytes long; at most {limit} are read"),
        ));
    }
    Ok(HEAD + length)
}

/// The message without its head.
pub(super) fn message(frame: &Bytes) -> Bytes {
    frame.slice(HEAD.min(frame.len())..)
}
