//! Cookies that the protos declare, and the defence that goes with them.

use http::{HeaderMap, HeaderValue, header};
use neipix_mesh::Failure;
use neipix_proto::{
    POOL,
    access::v1::{ErrorReason, Field},
};
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

/// A field that travels in a cookie on the browser hosts.
#[derive(Debug, Clone)]
pub struct CookieField {
    /// The field.
    pub field: FieldDescriptor,
    /// `__Host-<name>`.
    pub cookie: String,
    /// Sibling field with the Max-Age, for answers.
    pub max_age: Option<FieldDescriptor>,
}

/// The cookie fields of a message.
#[must_use]
pub fn fields_of(message: &MessageDescriptor) -> Vec<CookieField> {
    let Some(extension) = POOL.get_extension_by_name("neipix.access.v1.field") else { return vec![] };
    message
        .fields()
        .filter_map(|field| {
            let options = field.options();
            let rule: Field = options.get_extension(&extension).as_message()?.transcode_to().ok()?;
            (!rule.cookie.is_empty()).then(|| CookieField {
                cookie: format!("__Host-{}", rule.cookie),
                max_age: message.get_field_by_name(&rule.cookie_max_age),
                field,
            })
        })
        .collect()
}

/// The value of a cookie; none where it is absent or stands twice with different values.
#[must_use]
pub fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut found: Option<&str> = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            let Some((key, value)) = pair.trim().split_once('=') else { continue };
            if key == name {
                if found.is_some_and(|before| before != value) {
                    return None;
                }
                found = Some(value);
            }
        }
    }
    found.map(str::to_owned)
}

/// Moves an answer's cookie fields into `Set-Cookie` headers.
pub fn take_out(message: &mut DynamicMessage, fields: &[CookieField], headers: &mut HeaderMap) {
    for rule in fields {
        let value = message.get_field(&rule.field).as_str().unwrap_or_default().to_owned();
        let max_age = rule.max_age.as_ref().and_then(|f| message.get_field(f).as_i32()).unwrap_or(0);
        let life = match (value.is_empty(), max_age) {
            (true, _) => "; Max-Age=0".to_owned(),
            (false, 0) => String::new(),
            (false, seconds) => format!("; Max-Age={seconds}"),
        };
        let cookie = format!("{}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{life}", rule.cookie);
        if let Ok(header) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, header);
        }
        message.set_field(&rule.field, Value::String(String::new()));
    }
}

/// Refuses a call with cookies that no page of this very host sent: its Origin, or Sec-Fetch-Site, must say so.
///
/// # Errors
/// CSRF_REFUSED.
pub fn refuse_cross_site(headers: &HeaderMap, own_origin: &str) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let good = match (text("origin"), text("sec-fetch-site")) {
        (Some(origin), _) => origin == own_origin,
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    };
    if good {
        return Ok(());
    }
    Err(Failure::new(
        ErrorReason::CsrfRefused,
        format!("this call sets or reads a cookie, so it must come from a page of {own_origin}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_1_a_form_on_another_site_is_refused() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            refuse_cross_site(&headers, "https://app.example.com").is_ok()
        };
        assert!(with(&[("origin", "https://app.example.com")]));
        assert!(with(&[("sec-fetch-site", "same-origin")]));
        assert!(!with(&[("origin", "null")]));
        assert!(!with(&[("origin", "https://evil.tld"), ("sec-fetch-site", "same-origin")]));
        assert!(!with(&[("sec-fetch-site", "same-site")]));
        assert!(!with(&[]));
    }

    #[test]
    fn a_cookie_that_stands_twice_is_not_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_static("__Host-refresh=a; x=1; __Host-refresh=b"));
        assert_eq!(read(&headers, "__Host-refresh"), None);
        assert_eq!(read(&headers, "x").as_deref(), Some("1"));
    }
}
