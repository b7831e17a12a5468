//! The REST call of a generated request: verb, path, query and body, as the descriptor binds them.

use http::Method as Verb;
use neipix_proto::{Binding, Method};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use crate::grpc;

/// A REST call.
#[derive(Clone, Debug, PartialEq)]
pub struct RestCall {
    pub verb: Verb,
    /// With its query.
    pub path: String,
    pub body: Option<Value>,
}

/// The calls that mean this request: one for each face of the rpc, none for those of processes.
#[must_use]
pub fn rest_calls(method: &Method, request: &DynamicMessage) -> Vec<RestCall> {
    let request = grpc::json(request);
    if method.face == "openai" {
        return vec![openai(method, &request)];
    }
    method.bindings.iter().map(|binding| bound(binding, request.clone())).collect()
}

fn bound(binding: &Binding, mut request: Value) -> RestCall {
    let (mut path, mut rest) = (String::new(), binding.template.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, after) = after.split_once('}').expect("a template is well-formed");
        path += before;
        path += &text(&take(&mut request, variable));
        rest = after;
    }
    path += rest;
    let body = match binding.body.as_str() {
        "" => None,
        "*" => Some(std::mem::replace(&mut request, json!({}))),
        field => Some(take(&mut request, field)),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in request.as_object().into_iter().flatten() {
        for one in value.as_array().unwrap_or(&vec![value.clone()]) {
            query.append_pair(name, &text(one));
        }
    }
    let query = query.finish();
    if !query.is_empty() {
        path += "?";
        path += &query;
    }
    RestCall { verb: binding.verb.parse().expect("a verb of the descriptor"), path, body }
}

/// Takes a field out by its path in proto names; null where it is not set.
fn take(request: &mut Value, path: &str) -> Value {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let name = camel(first);
    match rest {
        Some(rest) => take(&mut request[&name], rest),
        None => request.as_object_mut().and_then(|object| object.remove(&name)).unwrap_or_default(),
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        out += &word[..1].to_uppercase();
        out += &word[1..];
    }
    out
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn openai(method: &Method, request: &Value) -> RestCall {
    if method.descriptor.name() == "ListModels" {
        let id = text(&request["id"]);
        let path = if id.is_empty() { String::new() } else { format!("/{id}") };
        return RestCall { verb: Verb::GET, path: format!("/api/v1/openai/models{path}"), body: None };
    }
    let messages = request["messages"].as_array().into_iter().flatten();
    let messages: Vec<Value> = messages.map(|m| json!({"role": m["role"], "content": m["text"]})).collect();
    RestCall {
        verb: Verb::POST,
        path: "/api/v1/openai/chat/completions".to_owned(),
        body: Some(json!({"model": request["model"], "messages": messages})),
    }
}

#[cfg(test)]
mod tests {
    use neipix_proto::methods;

    use super::*;
    use crate::generate::{Seeds, id_kind, request};

    fn calls(path: &str) -> Vec<RestCall> {
        let method = methods().get(path).unwrap();
        let ids = ["assistant", "channel", "file"].map(|kind| (kind, format!("id-of-{kind}")));
        rest_calls(method, &request(&method.descriptor.input(), id_kind(method), &Seeds::from(ids)))
    }

    #[test]
    fn path_query_and_body_are_filled_in() {
        let [one, other] = calls("/neipix.chats.v1.ChannelService/GetChannel").try_into().unwrap();
        assert_eq!(one.path, "/api/v1/assistants/id-of-assistant/channels/id-of-channel");
        assert_eq!(other.path, "/api/v1/integrations/telegram/id-of-channel?assistantId=id-of-assistant");
        let update = calls("/neipix.assistants.v1.KnowledgeService/UpdateFile").remove(0);
        assert_eq!(update.verb, Verb::PATCH);
        assert_eq!(update.path, "/api/v1/assistants/id-of-assistant/files/id-of-file");
        assert_eq!(update.body, Some(json!({"name": "aaa", "etag": "*"})));
    }
}
