//! Pages of lists: sizes, and tokens that belong to one list of one workspace.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use neipix_proto::access::v1::ErrorReason;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::{config::Keyring, context::CallContext, failure::Failure};

/// Rows on a page where none are asked for.
const USUAL: i64 = 50;
/// Most rows on a page.
const MOST: i64 = 200;

/// How many rows a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(i64);

impl Size {
    /// Of a request's `page_size`: 0 = 50, above 200 = 200. Negative ones were refused by the field rules.
    #[must_use]
    pub fn new(page_size: i32) -> Self {
        match i64::from(page_size) {
            0 => Self(USUAL),
            n => Self(n.clamp(1, MOST)),
        }
    }

    /// How many rows to read: one more, which tells whether there is a next page.
    #[must_use]
    pub fn fetch(self) -> i64 {
        self.0 + 1
    }

    /// Cuts the extra row off and answers the page's last row where there is a next page.
    pub fn cut<T>(self, rows: &mut Vec<T>) -> Option<&T> {
        let size = usize::try_from(self.0).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return None;
        }
        rows.truncate(size);
        rows.last()
    }
}

/// Makes and reads page tokens: base64url(MAC ‖ JSON of the last key). The MAC covers workspace, rpc, filters and order, so
/// a token of another list, another filter or another workspace is refused.
#[derive(Clone)]
pub struct PageTokens(Keyring);

type Mac = Hmac<Sha256>;

impl PageTokens {
    /// With PAGE_TOKEN_KEYS.
    #[must_use]
    pub fn new(keys: Keyring) -> Self {
        Self(keys)
    }

    /// The token of the page after `key`.
    ///
    /// # Errors
    /// INTERNAL where the key cannot be written.
    pub fn encode<K: Serialize>(&self, context: &CallContext, key: &K) -> Result<String, Failure> {
        let json = serde_json::to_vec(key).map_err(Failure::internal)?;
        let (_, secret) = self.0.first();
        let mut bytes = mac(secret.expose(), context, &json)?.finalize().into_bytes()[..16].to_vec();
        bytes.extend(json);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The key in a token; none for the first page.
    ///
    /// # Errors
    /// PAGE_TOKEN_INVALID.
    pub fn decode<K: DeserializeOwned>(&self, context: &CallContext, token: &str) -> Result<Option<K>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
        let (tag, json) = bytes.split_at_checked(16).ok_or_else(invalid)?;
        for (_, secret) in self.0.iter() {
            if mac(secret.expose(), context, json)?.verify_truncated_left(tag).is_ok() {
                return serde_json::from_slice(json).map(Some).map_err(|_| invalid());
            }
        }
        Err(invalid())
    }
}

/// Bytes of the tags of `PageTokens::tag`.
const TAG: usize = 16;

impl PageTokens {
    /// A tag by which this service knows later that it made a text itself, for one purpose. Every replica knows it.
    ///
    /// # Errors
    /// INTERNAL where there is no key.
    pub fn tag(&self, purpose: &str, text: &[u8]) -> Result<[u8; TAG], Failure> {
        let (_, secret) = self.0.first();
        let whole = purposed(secret.expose(), purpose, text)?.finalize().into_bytes();
        let mut tag = [0; TAG];
        tag.copy_from_slice(&whole[..TAG]);
        Ok(tag)
    }

    /// Whether a tag is of this text and purpose.
    #[must_use]
    pub fn is_tag(&self, purpose: &str, text: &[u8], tag: &[u8]) -> bool {
        tag.len() == TAG
            && self.0.iter().any(|(_, secret)| {
                purposed(secret.expose(), purpose, text).is_ok_and(|mac| mac.verify_truncated_left(tag).is_ok())
            })
    }
}

/// Filters of no list: a tag is never a page token.
fn purposed(key: &[u8], purpose: &str, text: &[u8]) -> Result<Mac, Failure> {
    let mut mac = Mac::new_from_slice(key).map_err(Failure::internal)?;
    mac.update(b"tag\0");
    mac.update(purpose.as_bytes());
    mac.update(b"\0");
    mac.update(text);
    Ok(mac)
}

fn mac(key: &[u8], context: &CallContext, json: &[u8]) -> Result<Mac, Failure> {
    let mut mac = Mac::new_from_slice(key).map_err(Failure::internal)?;
    mac.update(context.workspace.0.as_bytes());
    mac.update(context.method.path.as_bytes());
    mac.update(&filters(context)?);
    mac.update(json);
    Ok(mac)
}

/// The hash of a request without its page fields: filters and order.
fn filters(context: &CallContext) -> Result<[u8; 32], Failure> {
    let input = context.method.descriptor.input();
    let mut message = DynamicMessage::decode(input, context.body.clone()).map_err(Failure::internal)?;
    for name in ["page_size", "page_token"] {
        if let Some(field) = message.descriptor().get_field_by_name(name) {
            message.clear_field(&field);
        }
    }
    Ok(Sha256::digest(prost::Message::encode_to_vec(&message)).into())
}

fn invalid() -> Failure {
    Failure::new(
        ErrorReason::PageTokenInvalid,
        "the page token belongs to another list or filter, or was altered: start from the first page",
    )
    .with_field("page_token", "must be the next_page_token of the same list with the same filters")
}

#[cfg(test)]
mod tests;
