//! Answers that are no generation, with the bodies that providers really send.

use serde_json::json;

/// A status, a body and headers.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// `{key}` stands for the bearer key of the request: providers quote it.
    pub(super) body: String,
}

fn error(status: u16, message: &str, kind: &str, param: Option<&str>, code: &str) -> Refusal {
    let body = json!({"error": {"message": message, "type": kind, "param": param, "code": code}}).to_string();
    Refusal::new(status, "application/json", &body)
}

impl Refusal {
    /// Anything else.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: &str) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.to_owned() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// 429 of a rate; `retry_after` as on the wire: seconds, a fraction or an HTTP date.
    #[must_use]
    pub fn rate_limited(retry_after: &str) -> Self {
        let message = "Rate limit reached for requests per min. Please try again later.";
        error(429, message, "requests", None, "rate_limit_exceeded").header("retry-after", retry_after)
    }

    /// 429 of an empty account: no retry can help.
    #[must_use]
    pub fn insufficient_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        error(429, message, "insufficient_quota", None, "insufficient_quota")
    }

    /// 401 that quotes the key in full.
    #[must_use]
    pub fn invalid_api_key() -> Self {
        let message = "Incorrect API key provided: {key}. Check the key in your account.";
        error(401, message, "invalid_request_error", None, "invalid_api_key")
    }

    /// 404 of a model.
    #[must_use]
    pub fn model_not_found(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        error(404, &message, "invalid_request_error", None, "model_not_found")
    }

    /// 400 of a prompt above the window.
    #[must_use]
    pub fn context_length_exceeded() -> Self {
        let message =
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.";
        error(400, message, "invalid_request_error", Some("messages"), "context_length_exceeded")
    }

    /// 400 that names a parameter.
    #[must_use]
    pub fn unsupported_parameter(param: &str) -> Self {
        let message = format!("Unsupported parameter: '{param}' is not supported with this model.");
        error(400, &message, "invalid_request_error", Some(param), "unsupported_parameter")
    }

    /// 500.
    #[must_use]
    pub fn server_error() -> Self {
        let body = json!({"error": {"message": "The server had an error while processing your request.", "type": "server_error", "param": null, "code": null}});
        Self::new(500, "application/json", &body.to_string())
    }

    /// 502 of a proxy in front, in HTML.
    #[must_use]
    pub fn bad_gateway_html() -> Self {
        let body = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";
        Self::new(502, "text/html", body)
    }

    /// 200 with a page; O6.
    #[must_use]
    pub fn html_ok() -> Self {
        Self::new(200, "text/html", "<html><body>Sign in to continue</body></html>")
    }

    /// 200 with nothing; O6.
    #[must_use]
    pub fn empty_ok() -> Self {
        Self::new(200, "application/json", "")
    }

    /// 200 whose body is an error.
    #[must_use]
    pub fn error_ok() -> Self {
        let body = json!({"error": {"message": "boom", "type": "server_error", "param": null, "code": null}});
        Self::new(200, "application/json", &body.to_string())
    }

    /// 307 to a log-in page.
    #[must_use]
    pub fn redirect_to_login() -> Self {
        Self::new(307, "text/html", "").header("location", "/login")
    }
}
