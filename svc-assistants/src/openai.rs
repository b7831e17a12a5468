//! Speaks OpenAI's chat completions to any server that does: request, stream, usage, errors.
//!
//! The adapter knows one call and its events. Order, retries and fall-through are `answers`' business.

mod call;
mod chunk;
mod errors;
mod sse;

pub use call::{Call, Target};
pub use errors::{CallError, ErrorKind, mask};

/// Who speaks in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The owner's instruction and our frame.
    System,
    /// The customer, and material.
    User,
    /// What we said.
    Assistant,
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The prompt.
    pub messages: Vec<Message>,
    /// 0 to 1.
    pub temperature: f64,
    /// 0 to 1; absent = the provider's.
    pub top_p: Option<f64>,
    /// Texts that end the answer, at most 4.
    pub stop: Vec<String>,
    /// Most tokens of the answer.
    pub output_tokens_max: i32,
}

/// Parameters that a model refused once; they are left out from then on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Reasoning models refuse it.
    pub no_temperature: bool,
    /// Reasoning models refuse it.
    pub no_top_p: bool,
    /// Older servers know only `max_tokens`.
    pub old_max_tokens: bool,
    /// Older servers do not know it.
    pub no_stream_options: bool,
    /// Some models refuse it.
    pub no_stop: bool,
}

impl Quirks {
    /// Notes a parameter that a 400 named; false where there is nothing to leave out.
    pub fn note(&mut self, parameter: &str) -> bool {
        let flag = match parameter {
            "temperature" => &mut self.no_temperature,
            "top_p" => &mut self.no_top_p,
            "max_completion_tokens" => &mut self.old_max_tokens,
            "stream_options" | "stream_options.include_usage" => &mut self.no_stream_options,
            "stop" => &mut self.no_stop,
            _ => return false,
        };
        !std::mem::replace(flag, true)
    }
}

/// Tokens as the provider counts them; `input` holds neither cached nor cache-written ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read at the full price.
    pub input: i64,
    /// Read from the provider's cache.
    pub cached: i64,
    /// Written to the provider's cache.
    pub cache_write: i64,
    /// Made, hidden reasoning included.
    pub output: i64,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Done.
    Whole,
    /// At the token limit.
    Length,
    /// It wants a tool.
    ToolCalls,
    /// Filtered or refused.
    Filtered,
}

/// An event of an answer. Exactly one `Finished` or `Failed` ends it.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// Text, never empty.
    Delta(String),
    /// A call of a tool, whole.
    ToolCall {
        /// Its id.
        id: String,
        /// The tool.
        name: String,
        /// JSON.
        arguments: String,
    },
    /// What it used; at most once.
    Usage(Usage),
    /// The model stopped.
    Finished(Stop),
    /// The call broke.
    Failed(CallError),
}
