//! JSON ↔ the bytes of a message, by descriptor.

use bytes::Bytes;
use neipix_mesh::Failure;
use neipix_proto::access::v1::ErrorReason;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::names::json_path;

/// JSON to bytes.
///
/// # Errors
/// FIELD_INVALID with the JSON path of what does not fit.
pub fn to_bytes(message: &MessageDescriptor, value: Value) -> Result<Bytes, Failure> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(value, &mut track);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    match DynamicMessage::deserialize_with_options(message.clone(), deserializer, &options) {
        Ok(dynamic) => Ok(dynamic.encode_to_vec().into()),
        Err(error) => {
            let path = track.path().to_string();
            if path == "." || path.is_empty() {
                return Err(Failure::new(ErrorReason::BodyMalformed, error.to_string()));
            }
            Err(Failure::invalid(json_path(&path), error.to_string()))
        }
    }
}

/// Bytes to JSON; default values are written out, so that clients need not know them.
///
/// # Errors
/// INTERNAL where a service sent what the proto does not know.
pub fn to_json(message: &MessageDescriptor, bytes: Bytes) -> Result<Vec<u8>, Failure> {
    let dynamic = DynamicMessage::decode(message.clone(), bytes).map_err(Failure::internal)?;
    dynamic_to_json(&dynamic)
}

/// A decoded message to JSON.
///
/// # Errors
/// INTERNAL where it cannot be written.
pub fn dynamic_to_json(dynamic: &DynamicMessage) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(256);
    let options = SerializeOptions::new().skip_default_fields(false);
    dynamic.serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options).map_err(Failure::internal)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use neipix_proto::POOL;
    use serde_json::json;

    use super::*;

    #[test]
    fn e_4_two_of_a_oneof_are_refused() {
        let message = POOL.get_message_by_name("neipix.assistants.v1.ReplyEvent").unwrap();
        assert!(to_bytes(&message, json!({"delta": {"text": "a"}})).is_ok());
        let refused = to_bytes(&message, json!({"delta": {"text": "a"}, "handoff": {}})).unwrap_err();
        assert!(["FIELD_INVALID", "BODY_MALFORMED"].contains(&refused.reason().name), "{refused:?}");
    }
}
