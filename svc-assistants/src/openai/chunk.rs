//! Events out of the chunks of a stream.

use std::collections::BTreeMap;

use neipix_mesh::secret::Secret;
use serde::Deserialize;

use super::{CallError, Event, Stop, Usage, errors};

/// Most tool calls of one answer, and most bytes of one's arguments: nobody declared a tool.
const TOOL_CALLS_MAX: usize = 32;
const ARGUMENTS_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<RawUsage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    /// Servers that ignore `stream` answer whole.
    #[serde(default)]
    message: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolDelta>>,
}

#[derive(Deserialize)]
struct ToolDelta {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct RawUsage {
    #[serde(default)]
    prompt_tokens: Option<i64>,
    #[serde(default)]
    completion_tokens: Option<i64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<i64>,
    #[serde(default)]
    cache_write_tokens: Option<i64>,
}

#[derive(Default)]
struct Tool {
    id: String,
    name: String,
    arguments: String,
}

/// Folds the data of events into events of ours.
#[derive(Default)]
pub struct Reader {
    key: Option<Secret<String>>,
    stop: Option<Stop>,
    usage: Option<Usage>,
    tools: BTreeMap<usize, Tool>,
    began: bool,
    ended: bool,
}

impl Reader {
    /// Of an answer to a call with this key, which no error of it may quote.
    pub fn of(key: Option<Secret<String>>) -> Self {
        Self { key, ..Self::default() }
    }

    /// Whether the terminal event was given.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The data of one event.
    pub fn take(&mut self, data: &str) -> Vec<Event> {
        if self.ended {
            return vec![];
        }
        if data.starts_with("[DONE]") {
            return self.end();
        }
        let Ok(chunk) = serde_json::from_str::<Chunk>(data) else {
            return self.fail(CallError::network(self.began, "a chunk that is not JSON"));
        };
        if let Some(error) = chunk.error.filter(|e| !e.is_null()) {
            let key = self.key.as_ref().map(|k| k.expose().as_str());
            return self.fail(errors::in_stream(&error, self.began, key));
        }
        if let Some(raw) = chunk.usage {
            self.usage = Some(usage(&raw));
        }
        let mut events = vec![];
        for choice in chunk.choices.unwrap_or_default().into_iter().take(1) {
            self.choice(choice, &mut events);
        }
        events
    }

    fn choice(&mut self, choice: Choice, events: &mut Vec<Event>) {
        let delta = choice.delta.or(choice.message).unwrap_or_default();
        if delta.refusal.is_some_and(|r| !r.is_empty()) {
            self.stop = Some(Stop::Filtered);
        }
        if let Some(text) = delta.content.filter(|c| !c.is_empty()) {
            self.began = true;
            events.push(Event::Delta(text));
        }
        for part in delta.tool_calls.unwrap_or_default() {
            self.tool(part);
        }
        if let Some(reason) = choice.finish_reason {
            let stop = match reason.as_str() {
                "length" => Stop::Length,
                "tool_calls" | "function_call" => Stop::ToolCalls,
                "content_filter" | "blacklist" => Stop::Filtered,
                _ => Stop::Whole,
            };
            // A refusal that was told before wins over the `stop` after it.
            if self.stop != Some(Stop::Filtered) {
                self.stop = Some(stop);
            }
        }
    }

    fn tool(&mut self, part: ToolDelta) {
        if self.tools.len() >= TOOL_CALLS_MAX && !self.tools.contains_key(&part.index) {
            return;
        }
        let tool = self.tools.entry(part.index).or_default();
        if let Some(id) = part.id {
            tool.id = id;
        }
        let Some(function) = part.function else { return };
        if let Some(name) = function.name {
            tool.name = name;
        }
        let more = function.arguments.unwrap_or_default();
        if tool.arguments.len() + more.len() <= ARGUMENTS_BYTES_MAX {
            tool.arguments.push_str(&more);
        }
    }

    /// The end of the stream, announced or not. Without a reason to stop it is a cut, however much text came.
    pub fn end(&mut self) -> Vec<Event> {
        if self.ended {
            return vec![];
        }
        let Some(stop) = self.stop else {
            return self.fail(CallError::network(self.began, "the stream ended without a finish reason"));
        };
        self.ended = true;
        let tools = std::mem::take(&mut self.tools).into_values();
        let tools = tools.map(|t| Event::ToolCall { id: t.id, name: t.name, arguments: t.arguments });
        tools.chain(self.usage.map(Event::Usage)).chain([Event::Finished(stop)]).collect()
    }

    /// The stream broke.
    pub fn fail(&mut self, error: CallError) -> Vec<Event> {
        if std::mem::replace(&mut self.ended, true) {
            return vec![];
        }
        // What was used up to here is worth knowing even then.
        self.usage.map(Event::Usage).into_iter().chain([Event::Failed(error.after(self.began))]).collect()
    }
}

fn usage(raw: &RawUsage) -> Usage {
    let details = raw.prompt_tokens_details.as_ref();
    let cached = details.and_then(|d| d.cached_tokens).unwrap_or(0);
    let cache_write = details.and_then(|d| d.cache_write_tokens).unwrap_or(0);
    Usage {
        input: raw.prompt_tokens.unwrap_or(0) - cached - cache_write,
        cached,
        cache_write,
        output: raw.completion_tokens.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ErrorKind, super::sse::Parser, *};

    const P: &str = r#""id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"m""#;

    fn run(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut parser, mut reader) = (Parser::default(), Reader::default());
        let mut events = vec![];
        for piece in pieces {
            for data in parser.feed(piece).unwrap() {
                events.extend(reader.take(&data));
            }
        }
        if let Some(data) = parser.finish().unwrap() {
            events.extend(reader.take(&data));
        }
        events.extend(reader.end());
        events
    }

    fn stream(text: &str) -> Vec<Event> {
        run(&[text.replace("{P,", &format!("{{{P},")).as_bytes()])
    }

    fn is_network(event: Option<&Event>, after_first: bool) -> bool {
        matches!(event, Some(Event::Failed(e)) if e.kind == ErrorKind::Network && e.after_first_token == after_first)
    }

    #[test]
    fn o1_text_usage_and_a_letter_cut_in_two() {
        let head = format!(
            ": keep-alive\n\ndata: {{{P},\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}],\"usage\":null}}\n\ndata: {{{P},\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"Д"
        );
        let tail = format!(
            ", \"}},\"finish_reason\":null}}]}}\n\ndata: {{{P},\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: {{{P},\"choices\":[],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12,\"prompt_tokens_details\":{{\"cached_tokens\":4}}}}}}\n\ndata: [DONE]\n\n"
        );
        let first = [head.as_bytes(), b"\xD0"].concat();
        let second = [b"\xB0".as_slice(), tail.as_bytes()].concat();
        let usage = Usage { input: 5, cached: 4, cache_write: 0, output: 3 };
        let expected = [Event::Delta("Да, ".into()), Event::Usage(usage), Event::Finished(Stop::Whole)];
        assert_eq!(run(&[&first, &second]), expected);
    }

    #[test]
    fn o2_crlf_no_space_two_data_lines() {
        let text = "data:{P,\"choices\":[{\"index\":0,\r\ndata:\"delta\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n";
        assert_eq!(stream(text), [Event::Delta("ok".into()), Event::Finished(Stop::Whole)]);
    }

    #[test]
    fn o3_a_tool_call_comes_whole() {
        let text = "data: {P,\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n\
            data: {P,\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"q\\\":\"}}]}}]}\n\n\
            data: {P,\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\n\n\
            data: {P,\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
        let call = Event::ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{\"q\":1}".into() };
        assert_eq!(stream(text), [call, Event::Finished(Stop::ToolCalls)]);
    }

    #[test]
    fn o4_an_error_in_the_stream_ends_it() {
        let text = "data: {P,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Нач\"}}]}\n\ndata: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":null,\"param\":null}}\n\ndata: [DONE]\n\n";
        let events = stream(text);
        assert_eq!(events[0], Event::Delta("Нач".into()));
        assert!(matches!(&events[1], Event::Failed(e) if e.kind == ErrorKind::Server && e.after_first_token));
        assert_eq!(events.len(), 2, "exactly one terminal event");
    }

    #[test]
    fn o5_a_cut_is_a_network_error_even_after_text() {
        let events = stream("data: {P,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Нач\"}}]}\n\ndata: {P,\"cho");
        assert_eq!(events[0], Event::Delta("Нач".into()));
        assert!(is_network(events.last(), true));
        assert!(is_network(stream("").last(), false), "an empty stream");
    }

    #[test]
    fn a_missing_done_after_a_finish_reason_is_fine() {
        let text =
            "data: {P,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n\n";
        assert_eq!(stream(text), [Event::Delta("a".into()), Event::Finished(Stop::Length)]);
    }

    #[test]
    fn a_refusal_is_filtered_whatever_the_finish_reason_says() {
        let text = "data: {P,\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I can't\"}}]}\n\ndata: {P,\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        assert_eq!(stream(text), [Event::Finished(Stop::Filtered)]);
    }
}
