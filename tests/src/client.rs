//! A small client for journeys. It connects to 127.0.0.1 and names the host that the product expects, since the
//! system's resolver does not know `*.localhost`.

mod answer;
mod mailbox;
mod socket;
mod sse;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

pub use self::{
    answer::{Answer, Problem},
    mailbox::{Mail, Mailbox},
    socket::Socket,
    sse::{Sse, SseEvent, SseParser},
};

/// How long one whole call may take. Streams have no such limit.
const CALL: Duration = Duration::from_secs(70);

/// The one HTTP client of the tests: no redirects are followed, no name is resolved through a proxy.
///
/// # Panics
/// When TLS cannot be set up.
#[must_use]
pub fn http() -> reqwest::Client {
    // Several tests of a process may install it; the first one wins and all mean the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("an HTTP client")
}

/// The faces of the product, by the first label of their host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    App,
    Admin,
    Api,
    Widget,
    Files,
}

impl Surface {
    /// `app` of `app.localhost`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Admin => "admin",
            Self::Api => "api",
            Self::Widget => "widget",
            Self::Files => "files",
        }
    }
}

/// Who calls: what is added to each request, and what is kept of each answer.
pub trait Caller: Clone + Send + Sync {
    /// Adds what proves the identity.
    fn sign(&self, headers: &mut HeaderMap);
    /// Sees the headers of each answer.
    fn learn(&self, _answer: &HeaderMap) {}
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

impl Caller for Anonymous {
    fn sign(&self, _headers: &mut HeaderMap) {}
}

/// A person's access token.
#[derive(Clone, Debug)]
pub struct Bearer(pub String);

impl Caller for Bearer {
    fn sign(&self, headers: &mut HeaderMap) {
        put(headers, "authorization", &format!("Bearer {}", self.0));
    }
}

/// An integrator's key, `npk_…`.
#[derive(Clone, Debug)]
pub struct ApiKey(pub String);

impl Caller for ApiKey {
    fn sign(&self, headers: &mut HeaderMap) {
        put(headers, "authorization", &format!("Bearer {}", self.0));
    }
}

/// A cookie as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    /// What follows the value: `HttpOnly`, `SameSite=Lax`, `Max-Age=…`.
    pub attributes: Vec<String>,
}

/// A browser: keeps cookies, names its origin. Clones share the jar.
#[derive(Clone, Debug)]
pub struct Browser {
    origin: String,
    access: Option<String>,
    jar: Arc<Mutex<Vec<Cookie>>>,
}

impl Browser {
    /// The cookies it holds.
    #[must_use]
    pub fn cookies(&self) -> Vec<Cookie> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same browser, sending an access token beside its cookies.
    #[must_use]
    pub fn with_access(mut self, token: &str) -> Self {
        self.access = Some(token.to_owned());
        self
    }
}

impl Caller for Browser {
    fn sign(&self, headers: &mut HeaderMap) {
        put(headers, "origin", &self.origin);
        put(headers, "sec-fetch-site", "same-origin");
        if let Some(access) = &self.access {
            put(headers, "authorization", &format!("Bearer {access}"));
        }
        let pairs: Vec<String> = self.cookies().iter().map(|c| format!("{}={}", c.name, c.value)).collect();
        if !pairs.is_empty() {
            put(headers, "cookie", &pairs.join("; "));
        }
    }

    fn learn(&self, answer: &HeaderMap) {
        let mut jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        for set in answer.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()) {
            let mut parts = set.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let attributes: Vec<String> = parts.map(str::to_owned).collect();
            jar.retain(|cookie| cookie.name != name);
            if !value.is_empty() && !attributes.iter().any(|a| a.eq_ignore_ascii_case("max-age=0")) {
                jar.push(Cookie { name: name.to_owned(), value: value.to_owned(), attributes });
            }
        }
    }
}

/// A caller at one face of one edge.
#[derive(Clone, Debug)]
pub struct Rest<C> {
    addr: SocketAddr,
    host: String,
    http: reqwest::Client,
    extra: HeaderMap,
    caller: C,
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).expect("a header value given by a test"));
}

impl Rest<Anonymous> {
    /// Nobody at `<face>.localhost:<port of the address>`.
    #[must_use]
    pub fn at(addr: SocketAddr, surface: Surface) -> Self {
        let host = format!("{}.localhost:{}", surface.label(), addr.port());
        Self { addr, host, http: http(), extra: HeaderMap::new(), caller: Anonymous }
    }
}

impl<C: Caller> Rest<C> {
    /// Somebody else at the same face.
    #[must_use]
    pub fn acting<D: Caller>(&self, caller: D) -> Rest<D> {
        let Self { addr, host, http, extra, .. } = self.clone();
        Rest { addr, host, http, extra, caller }
    }

    #[must_use]
    pub fn bearer(&self, token: &str) -> Rest<Bearer> {
        self.acting(Bearer(token.to_owned()))
    }

    #[must_use]
    pub fn api_key(&self, key: &str) -> Rest<ApiKey> {
        self.acting(ApiKey(key.to_owned()))
    }

    /// A browser with an empty jar.
    #[must_use]
    pub fn browser(&self) -> Rest<Browser> {
        let origin = self.origin();
        self.acting(Browser { origin, access: None, jar: Arc::default() })
    }

    /// The same caller under another host, for attacks; with a port where one is meant.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// The same caller with one more header on each request; it overrides what the caller would send.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name given by a test");
        self.extra.insert(name, value.parse().expect("a header value given by a test"));
        self
    }

    /// `http://app.localhost:8080`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    #[must_use]
    pub fn caller(&self) -> &C {
        &self.caller
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// POST with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        self.clone().with_header("idempotency-key", key).post(path, body).await
    }

    /// Any call with a JSON body.
    ///
    /// # Panics
    /// When the server cannot be reached or breaks the connection.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let sent = self.try_call(method.clone(), path, body).await;
        sent.unwrap_or_else(|e| panic!("{method} {path}: {e:?}"))
    }

    /// The same, for runs in which servers die.
    ///
    /// # Errors
    /// When the server cannot be reached, breaks the connection or is silent for more than a minute.
    pub async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let body = body.map(|json| json.to_string().into_bytes());
        self.try_bytes(method, path, "application/json", body).await
    }

    /// Any bytes under any media type.
    ///
    /// # Errors
    /// As [`Rest::try_call`].
    pub async fn try_bytes(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Option<Vec<u8>>,
    ) -> reqwest::Result<Answer> {
        let what = format!("{method} {path}");
        let response = self.request(method, path, media_type, body).timeout(CALL).send().await?;
        self.caller.learn(response.headers());
        Answer::read(what, response).await
    }

    /// A call whose answer is a stream of events. One that is refused panics with the answer.
    ///
    /// # Panics
    /// When the answer is no event stream.
    pub async fn stream(&self, method: Method, path: &str, body: Option<Value>) -> Sse {
        let sent = self.try_stream(method.clone(), path, body).await;
        match sent.unwrap_or_else(|e| panic!("{method} {path}: {e:?}")) {
            Ok(sse) => sse,
            Err(answer) => panic!("no stream: {answer}"),
        }
    }

    /// The same; the inner error is an answer that is no stream.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn try_stream(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Result<Sse, Box<Answer>>> {
        let what = format!("{method} {path}");
        let body = body.map(|json| json.to_string().into_bytes());
        let request = self.request(method, path, "application/json", body).header("accept", "text/event-stream");
        let response = request.send().await?;
        let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if response.status().is_success() && kind.starts_with("text/event-stream") {
            return Ok(Ok(Sse::new(response)));
        }
        Ok(Err(Box::new(Answer::read(what, response).await?)))
    }

    /// Opens a socket; `protocols` is the value of `Sec-WebSocket-Protocol`: `neipix.v1, ticket.…`.
    ///
    /// # Errors
    /// The status of a refused handshake, or 0 where there was none.
    pub async fn socket(&self, path: &str, protocols: Option<&str>) -> Result<Socket, u16> {
        Socket::connect(self.addr, path, protocols, self.headers(), None).await
    }

    /// The same by a client whose system keeps few bytes that it has not read.
    ///
    /// # Errors
    /// As [`Rest::socket`].
    pub async fn narrow_socket(&self, path: &str, protocols: Option<&str>, unread_most: u32) -> Result<Socket, u16> {
        Socket::connect(self.addr, path, protocols, self.headers(), Some(unread_most)).await
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        put(&mut headers, "host", &self.host);
        self.caller.sign(&mut headers);
        headers.extend(self.extra.clone());
        headers
    }

    fn request(&self, method: Method, path: &str, media_type: &str, body: Option<Vec<u8>>) -> reqwest::RequestBuilder {
        let mut headers = self.headers();
        if body.is_some() {
            put(&mut headers, "content-type", media_type);
            headers.extend(self.extra.clone());
        }
        let request = self.http.request(method, format!("http://{}{path}", self.addr)).headers(headers);
        match body {
            Some(body) => request.body(body),
            None => request,
        }
    }
}
