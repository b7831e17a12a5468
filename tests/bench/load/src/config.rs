//! The file of targets, and what its templates are filled with.

use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Config {
    #[serde(default = "five")]
    pub seconds: f64,
    /// Seconds of unmeasured load before each measurement.
    #[serde(default)]
    pub warmup: f64,
    #[serde(default = "three")]
    pub rounds: usize,
    #[serde(default)]
    pub concurrency: Vec<usize>,
    /// The target that the others' added times are counted from.
    pub baseline: Option<String>,
    /// The target that is compared with each peer in the second table.
    pub subject: Option<String>,
    /// `{{name}}` in a header or a body becomes a random line of the file.
    #[serde(default)]
    pub lists: BTreeMap<String, PathBuf>,
    /// Processes that serve every target (Postgres, the upstream): name → pid file.
    #[serde(default)]
    pub shared: BTreeMap<String, PathBuf>,
    #[serde(rename = "target")]
    pub targets: Vec<Target>,
}

fn five() -> f64 {
    5.0
}
fn three() -> usize {
    3
}

#[derive(Deserialize, Clone)]
pub struct Target {
    pub name: String,
    pub url: String,
    #[serde(default = "post")]
    pub method: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    /// A unary gRPC call instead of JSON: the request message's protobuf bytes in hex.
    pub grpc: Option<String>,
    /// The first token has come when the body holds this text; absent: with the first byte of the body.
    pub first_token: Option<String>,
    /// An answer without this text is an error (a stream that broke).
    pub last: Option<String>,
    /// Pid files (or pids) of the processes that are the target; their children count too.
    #[serde(default)]
    pub pids: Vec<String>,
    /// Measured at these levels only.
    #[serde(default)]
    pub concurrency: Vec<usize>,
    #[serde(default = "thirty")]
    pub timeout: f64,
}

impl Target {
    /// True where a header or the body holds `{{name}}`.
    pub fn mentions(&self, name: &str) -> bool {
        let place = format!("{{{{{name}}}}}");
        self.body.contains(&place) || self.headers.values().any(|value| value.contains(&place))
    }
}

fn post() -> String {
    "POST".into()
}
fn thirty() -> f64 {
    30.0
}

pub type Lists = BTreeMap<String, Vec<String>>;

/// Fills `{{uuid}}`, `{{n}}` (a random number) and `{{list}}`.
pub fn fill(template: &str, lists: &Lists) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match name {
            "uuid" => out.push_str(&uuid::Uuid::new_v4().to_string()),
            "n" => out.push_str(&fastrand::u32(..).to_string()),
            name => out.push_str(lists.get(name).and_then(|l| fastrand::choice(l)).map_or("", String::as_str)),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The gRPC frame around a message given in hex: a flag byte and the length.
pub fn grpc_frame(hex: &str) -> Option<Bytes> {
    let message = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).ok()?.to_be_bytes());
    frame.extend_from_slice(&message);
    Some(frame.into())
}
