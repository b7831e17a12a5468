//! The OpenAPI 3.1 document, made from the descriptors: what the protos say is what clients read.

mod comments;
mod schema;

use std::collections::BTreeMap;

use neipix_proto::{Method, POOL, ReasonInfo, Who, access::v1::Surface, methods};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

pub use comments::Comments;
use schema::Schemas;

use crate::{bind::field_at, names::json_path, rest::goes_on_after};

/// The origins that a document names.
#[derive(Debug, Clone, Copy)]
pub struct Servers<'a> {
    /// Where everything is served that says nothing else.
    pub api: &'a str,
    /// Where the staff's calls are.
    pub admin: &'a str,
    /// Where visitors' calls are.
    pub widget: &'a str,
}

/// The document. Calls of the staff stand under the panel's origin, those of visitors under the widget's.
#[must_use]
pub fn document(origins: Servers<'_>) -> Value {
    let comments = Comments::read(&POOL);
    let mut schemas = Schemas::new(&comments);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for method in methods().all() {
        let service = method.descriptor.parent_service();
        for (i, binding) in method.bindings.iter().enumerate() {
            let tag = service.name().trim_end_matches("Service").to_owned();
            tags.entry(tag.clone()).or_insert_with(|| comments.of_service(service));
            let operation = Operation { method, template: &binding.template, body: &binding.body, alias: i > 0 };
            let mut value = operation.document(&tag, &comments, &mut schemas);
            match method.surfaces.as_slice() {
                [Surface::Admin] => value["servers"] = json!([{"url": origins.admin}]),
                [Surface::Widget] => value["servers"] = json!([{"url": origins.widget}]),
                _ => {}
            }
            let path = paths.entry(json_template(&binding.template)).or_default();
            path.insert(binding.verb.to_ascii_lowercase(), value);
        }
    }
    let tags: Vec<Value> = tags.into_iter().map(|(n, d)| json!({"name": n, "description": d})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Neipix API",
            "version": "1.0.0",
            "description": "Hire neuro-employees and talk to them. Errors are RFC 9457 problems; lists are paged; \
                            send Idempotency-Key on a POST to repeat it safely.",
        },
        "servers": [{"url": origins.api}],
        "security": [{"bearer": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer",
                "description": "An access token or an API key."}},
            "schemas": schemas.finish(),
        },
    })
}

/// `/files/{file.assistant_id}` → `/files/{assistantId}`: how documents name a path. Where a variable belongs in the request
/// is not the client's concern, and one path must not stand under two names.
#[must_use]
pub fn json_template(template: &str) -> String {
    let (mut path, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((variable, tail)) = after.split_once('}') else { break };
        path += &format!("{before}{{{}}}", json_variable(variable));
        rest = tail;
    }
    path + rest
}

/// `file.assistant_id` → `assistantId`.
fn json_variable(path: &str) -> String {
    json_path(path.rsplit('.').next().unwrap_or(path))
}

struct Operation<'a> {
    method: &'static Method,
    template: &'a str,
    body: &'a str,
    alias: bool,
}

impl Operation<'_> {
    fn document(&self, tag: &str, comments: &Comments, schemas: &mut Schemas<'_>) -> Value {
        let text = comments.of_method(&self.method.descriptor);
        let (summary, description) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut value = json!({
            "operationId": self.id(),
            "tags": [tag],
            "summary": summary.trim().trim_end_matches('.'),
            "description": self.description(description),
            "responses": self.responses(schemas),
        });
        let parameters = self.parameters(comments, schemas);
        if !parameters.is_empty() {
            value["parameters"] = Value::Array(parameters);
        }
        if let Some(body) = self.request_body(schemas) {
            value["requestBody"] = body;
        }
        if matches!(self.method.who, Who::Public) {
            value["security"] = json!([]);
        }
        value
    }

    /// An additional binding is an operation of its own, named after the last word of its path.
    fn id(&self) -> String {
        let name = self.method.descriptor.name();
        if !self.alias {
            return name.to_owned();
        }
        let words = self.template.split(['/', ':']).filter(|w| !w.is_empty() && !w.contains('{'));
        let under = words.skip(2).find(|w| *w != "integrations").unwrap_or("alias");
        let mut letters = under.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or('A');
        format!("{name}Under{first}{}", letters.as_str())
    }

    fn description(&self, rest: &str) -> String {
        let mut text = rest.trim().replace('\n', " ");
        let mut add = |line: String| {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&line);
        };
        match &self.method.who {
            Who::Permission(permission) => add(format!("Needs the permission `{permission}`.")),
            Who::SignedIn => add("Needs a signed-in caller.".to_owned()),
            Who::Public | Who::Internal(_) => {}
        }
        if let Some((count, seconds)) = self.method.rate {
            add(format!("At most {count} calls in {seconds} s."));
        }
        text
    }

    fn path_fields(&self) -> Vec<String> {
        let mut fields = Vec::new();
        let mut rest = self.template;
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            fields.push(name.to_owned());
            rest = tail;
        }
        fields
    }

    fn parameters(&self, comments: &Comments, schemas: &mut Schemas<'_>) -> Vec<Value> {
        let input = self.method.descriptor.input();
        let path_fields = self.path_fields();
        let mut parameters = Vec::new();
        for path in &path_fields {
            if let Some(field) = field_at(&input, path) {
                parameters.push(json!({
                    "name": json_variable(path), "in": "path", "required": true,
                    "description": comments.of_field(&field),
                    "schema": schemas.input_field(&field, true),
                }));
            }
        }
        if self.body != "*" {
            for field in input.fields().filter(|f| f.name() != self.body && !path_fields.contains(&f.name().to_owned()))
            {
                if let Some(parameter) = query_parameter(&field, comments, schemas) {
                    parameters.push(parameter);
                }
            }
        }
        if self.method.takes_idempotency_key() {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "Repeats with the same key and body get the first answer for 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }));
        }
        if goes_on_after(self.method) {
            parameters.push(json!({
                "name": "Last-Event-ID", "in": "header", "required": false,
                "description": "The `id` of the last event read: the stream goes on behind it. Wins over `after`.",
                "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
            }));
        }
        parameters
    }

    fn request_body(&self, schemas: &mut Schemas<'_>) -> Option<Value> {
        let input = self.method.descriptor.input();
        let message: MessageDescriptor = match self.body {
            "" => return None,
            "*" => input,
            field => match input.get_field_by_name(field)?.kind() {
                Kind::Message(message) => message,
                _ => return None,
            },
        };
        // Fields that the path brings need not stand in the body.
        let given: Vec<String> = self
            .path_fields()
            .into_iter()
            .filter_map(|p| if self.body == "*" { Some(p) } else { p.split_once('.').map(|(_, f)| f.to_owned()) })
            .collect();
        let schema = schemas.body(&message, &given);
        Some(json!({"required": true, "content": {"application/json": {"schema": schema}}}))
    }

    fn responses(&self, schemas: &mut Schemas<'_>) -> Value {
        let output = self.method.descriptor.output();
        let ok = if self.method.descriptor.is_server_streaming() {
            // The events' data; listed so that clients get the types. OpenAPI 3.1 has no schema for a stream of events.
            let data = schemas.output(&output);
            json!({"description": format!("Server-Sent Events; the data of each is one branch of {}.", output.name()),
                   "content": {"text/event-stream": {}}, "x-neipix-event": data})
        } else {
            json!({"description": "Done.", "content": {"application/json": {"schema": schemas.output(&output)}}})
        };
        let mut responses = Map::from_iter([("200".to_owned(), ok)]);
        let mut by_status: BTreeMap<u16, Vec<&ReasonInfo>> = BTreeMap::new();
        for reason in &self.method.reasons {
            by_status.entry(reason.status()).or_default().push(reason);
        }
        for (status, reasons) in by_status {
            let mut names: Vec<String> = reasons.iter().map(|r| format!("`{}` {}", r.name, r.title)).collect();
            names.dedup();
            responses.insert(
                status.to_string(),
                json!({"description": names.join("; "),
                       "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}),
            );
        }
        Value::Object(responses)
    }
}

fn query_parameter(field: &FieldDescriptor, comments: &Comments, schemas: &mut Schemas<'_>) -> Option<Value> {
    let simple = match field.kind() {
        Kind::Message(m) => ["google.protobuf.Timestamp", "google.protobuf.FieldMask", "google.protobuf.Duration"]
            .contains(&m.full_name()),
        _ => !field.is_map(),
    };
    simple.then(|| {
        json!({
            "name": field.json_name(), "in": "query", "required": false,
            "description": comments.of_field(field),
            "schema": schemas.input_field(field, false),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: Servers<'_> = Servers {
        api: "https://api.example.com",
        admin: "https://admin.example.com",
        widget: "https://widget.example.com",
    };

    #[test]
    fn every_rest_rpc_is_documented_with_its_errors() {
        let document = document(SERVERS);
        let publish = &document["paths"]["/api/v1/assistants/{id}:publish"]["post"];
        assert_eq!(publish["operationId"], "PublishAssistant");
        assert!(publish["summary"].as_str().unwrap().starts_with("Freeze the draft"));
        assert!(publish["responses"]["409"]["description"].as_str().unwrap().contains("ASSISTANT_STATE"));
        let mut ids: Vec<&str> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|p| p.as_object().unwrap().values())
            .map(|o| o["operationId"].as_str().unwrap())
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "operation ids must be distinct");
        assert!(!document.to_string().contains("ExchangeApiKey"), "internal rpcs stay inside");
        let file = &document["paths"]["/api/v1/assistants/{assistantId}/files/{id}"];
        assert_eq!(file["get"]["operationId"], "GetFile");
        assert_eq!(document["paths"]["/api/v1/admin/users"]["get"]["servers"][0]["url"], "https://admin.example.com");
        assert_eq!(file["patch"]["parameters"][1]["name"], "id");
        let with = |name: &str| {
            document["paths"]
                .as_object()
                .unwrap()
                .values()
                .flat_map(|p| p.as_object().unwrap().values())
                .filter(|o| o["parameters"].as_array().is_some_and(|all| all.iter().any(|p| p["name"] == name)))
                .map(|o| o["operationId"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(with("Last-Event-ID"), ["Watch", "WatchVisitor"]);
        let visitor = &document["paths"]["/api/v1/widget/{key}/visitor"]["post"];
        assert_eq!(visitor["servers"][0]["url"], "https://widget.example.com");
    }

    #[test]
    fn field_rules_show_in_the_schemas() {
        let document = document(SERVERS);
        let spec = &document["components"]["schemas"]["AssistantSpecInput"];
        assert_eq!(spec["properties"]["name"]["maxLength"], 100);
        assert_eq!(spec["required"], json!(["name"]));
        assert_eq!(spec["properties"]["answerDelaySeconds"]["maximum"], 600);
    }

    #[test]
    fn the_web_client_is_made_from_this_document() {
        let page = format!("{:#}\n", document(SERVERS));
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/api/openapi.json");
        if std::env::var_os("NEIPIX_TEST_WRITE").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let mend = "run this test with NEIPIX_TEST_WRITE=1, then `npm run gen` in web/";
        assert!(committed == page, "web/api/openapi.json is stale: {mend}");
    }
}
