//! The mailbox's pages and the listing that tests read.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::{Letter, Store};
use crate::s3::is_local_host;

const STYLE: &str = "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem;border-bottom:1px solid #ccc}\
pre{white-space:pre-wrap;background:#f4f4f4;padding:1rem}iframe{width:100%;height:24rem;border:1px solid #ccc}";

/// Nothing is loaded and nothing runs, whatever a letter holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'";

/// `/mailbox`, `/mailbox/{id}` and `/mailbox/api/messages?to=`.
pub fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/mailbox")))
        .route("/mailbox", get(list_page))
        .route("/mailbox/{id}", get(letter_page))
        .route("/mailbox/api/messages", get(list_json))
        .layer(middleware::from_fn(guard))
        .with_state(store)
}

/// Refuses names of other machines (a page that rebinds its name to the loopback) and fences the answer.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_local_host) {
        let text = "The mailbox answers only under localhost, *.localhost and 127.0.0.1.";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let mut response = next.run(request).await;
    let fence: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fence {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Debug, Deserialize)]
struct Filter {
    /// One receiver's letters only.
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listing<'a> {
    messages: Vec<&'a Letter>,
}

async fn list_json(State(store): State<Arc<Store>>, Query(filter): Query<Filter>) -> Response {
    let letters = store.list(filter.to.as_deref());
    Json(Listing { messages: letters.iter().map(Arc::as_ref).collect() }).into_response()
}

async fn list_page(State(store): State<Arc<Store>>, Query(filter): Query<Filter>) -> Html<String> {
    let letters = store.list(filter.to.as_deref());
    let mut rows = String::new();
    for letter in &letters {
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td><a href=\"/mailbox/{}\">{}</a></td></tr>",
            letter.received_at.format("%Y-%m-%d %H:%M:%S"),
            escape(&letter.to.join(", ")),
            letter.id,
            escape(if letter.subject.is_empty() { "(без темы · no subject)" } else { &letter.subject }),
        );
    }
    let body = if letters.is_empty() {
        "<p>Писем пока нет. · No letters yet.</p>".to_owned()
    } else {
        format!("<table><tr><th>UTC</th><th>Кому · To</th><th>Тема · Subject</th></tr>{rows}</table>")
    };
    page("Почта · Mailbox", &body)
}

async fn letter_page(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Response {
    let Some(letter) = Uuid::parse_str(&id).ok().and_then(|id| store.get(id)) else {
        let body = "<p>Такого письма нет. · No such letter.</p><p><a href=\"/mailbox\">←</a></p>";
        return (StatusCode::NOT_FOUND, page("Почта · Mailbox", body)).into_response();
    };
    let mut body = format!(
        "<p><a href=\"/mailbox\">←</a></p><p>{} UTC<br>{} → {}</p>",
        letter.received_at.format("%Y-%m-%d %H:%M:%S"),
        escape(&letter.from),
        escape(&letter.to.join(", ")),
    );
    if !letter.text.is_empty() {
        let _ = write!(body, "<pre>{}</pre>", linked(&letter.text));
    }
    if !letter.html.is_empty() {
        // The sandbox allows nothing: no script, no form, no navigation.
        let _ = write!(body, "<iframe sandbox srcdoc=\"{}\" title=\"HTML\"></iframe>", escape(&letter.html));
    }
    page(&letter.subject, &body).into_response()
}

fn page(title: &str, body: &str) -> Html<String> {
    let title = escape(title);
    Html(format!(
        "<!doctype html><html lang=\"ru\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>{body}</html>"
    ))
}

/// Text that can stand in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escaped text whose http addresses can be clicked.
fn linked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let address = word.trim_end();
            if address.starts_with("http://") || address.starts_with("https://") {
                let safe = escape(address);
                format!("<a href=\"{safe}\" rel=\"noreferrer\">{safe}</a>{}", &word[address.len()..])
            } else {
                escape(word)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a href='x' b=\"&\">"), "&lt;a href=&#39;x&#39; b=&quot;&amp;&quot;&gt;");
        assert_eq!(
            linked("go http://x/?a=\"<b> now\n"),
            "go <a href=\"http://x/?a=&quot;&lt;b&gt;\" rel=\"noreferrer\">http://x/?a=&quot;&lt;b&gt;</a> now\n"
        );
        assert_eq!(linked("javascript:alert(1)"), "javascript:alert(1)");
    }
}
