//! The wire: chunks, whole answers and the recorded stream shapes O1 to O5.

use bytes::Bytes;
use serde_json::{Value, json};

use super::behaviour::Raw;

/// Seconds of every `created`.
const CREATED: i64 = 1_764_000_000;

/// `data: …` with the blank line.
pub(super) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// The end of a stream.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// One chunk. `with_usage` is the answer to `include_usage`: the key is there, and null.
pub(super) fn chunk(id: &str, model: &str, delta: &Value, finish: Option<&str>, with_usage: bool) -> Bytes {
    let mut chunk = json!({
        "id": id, "object": "chat.completion.chunk", "created": CREATED, "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    });
    if with_usage {
        chunk["usage"] = Value::Null;
    }
    event(&chunk)
}

/// The chunk after the last: no choices, the figures.
pub(super) fn usage_chunk(id: &str, model: &str, usage: &Value) -> Bytes {
    event(&json!({
        "id": id, "object": "chat.completion.chunk", "created": CREATED, "model": model,
        "choices": [], "usage": usage,
    }))
}

/// A whole answer.
pub(super) fn whole(id: &str, model: &str, text: &str, finish: &str, usage: Option<Value>) -> Value {
    let mut answer = json!({
        "id": id, "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": finish,
        }],
    });
    if let Some(usage) = usage {
        answer["usage"] = usage;
    }
    answer
}

/// The error inside a stream.
pub(super) fn error_event() -> Bytes {
    event(&json!({"error": {"message": "boom", "type": "server_error", "code": null, "param": null}}))
}

/// The list of models.
pub(super) fn models<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let data: Vec<Value> =
        ids.map(|id| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "stand-in"})).collect();
    json!({"object": "list", "data": data})
}

const P: &str = r#""id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"m""#;

fn raw(cut: bool, chunks: &[&[u8]]) -> Raw {
    // `P` is the common beginning of every chunk in the recorded streams.
    let fill = |chunk: &&[u8]| -> Bytes {
        let mut out = Vec::new();
        let mut rest = *chunk;
        while let Some(at) = rest.windows(3).position(|w| w == b"{P,") {
            out.extend_from_slice(&rest[..=at]);
            out.extend_from_slice(P.as_bytes());
            rest = &rest[at + 2..];
        }
        out.extend_from_slice(rest);
        out.into()
    };
    Raw { chunks: chunks.iter().map(fill).collect(), cut }
}

impl Raw {
    /// A comment first, a letter cut in two between chunks, cached tokens: «Да, », stop, 9 + 3 tokens of which 4 cached.
    #[must_use]
    pub fn o1_split_utf8() -> Self {
        raw(false, &[
            b": keep-alive\n\ndata: {P,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\ndata: {P,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xD0\x94\xD0",
            b"\xB0, \"},\"finish_reason\":null}]}\n",
            b"\ndata: {P,\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {P,\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n",
        ])
    }

    /// CRLF that straddles chunks, no space after the colon, two data lines in one event: «ok», stop.
    #[must_use]
    pub fn o2_crlf_two_data_lines() -> Self {
        raw(
            false,
            &[
                b"data:{P,\"choices\":[{\"index\":0,\r",
                b"\ndata:\"delta\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
            ],
        )
    }

    /// One tool call in three fragments: `call_1`, `f`, `{"q":1}`.
    #[must_use]
    pub fn o3_tool_call() -> Self {
        raw(false, &[
            b"data: {P,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n",
            b"data: {P,\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"q\\\":\"}}]},\"finish_reason\":null}]}\n\n",
            b"data: {P,\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]},\"finish_reason\":null}]}\n\n",
            b"data: {P,\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
        ])
    }

    /// «Нач», then an error event and a clean end.
    #[must_use]
    pub fn o4_error_event() -> Self {
        raw(
            false,
            &[
                "data: {P,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Нач\"},\"finish_reason\":null}]}\n\n"
                    .as_bytes(),
                b"data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":null,\"param\":null}}\n\n",
            ],
        )
    }

    /// «Нач», then half a line and the end of the connection.
    #[must_use]
    pub fn o5_cut() -> Self {
        raw(
            true,
            &[
                "data: {P,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Нач\"},\"finish_reason\":null}]}\n\n"
                    .as_bytes(),
                b"data: {P,\"cho",
            ],
        )
    }

    /// Only comments, then a clean end: nothing was generated.
    #[must_use]
    pub fn only_pings() -> Self {
        raw(false, &[b": ping\n\n", b": ping\n\n"])
    }

    /// A data line that is no JSON.
    #[must_use]
    pub fn malformed() -> Self {
        raw(false, &[b"data: {P,\"choices\":[{\"index\":0,\"delta\":{\n\n", b"data: [DONE]\n\n"])
    }
}
