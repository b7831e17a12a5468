//! The API reference as a page, rendered here from the descriptors: no script, nothing fetched from elsewhere.

use std::fmt::Write as _;

use axum::{
    extract::{Path, Request, State},
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use neipix_proto::{Method, POOL, ReasonInfo, Who, methods};

use crate::{
    bind::field_at,
    incoming::Incoming,
    openapi::{Comments, json_template},
    problem::{self, Frame},
    state::Edge,
};

const STYLE: &str = "
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent)}
body{font:16px/1.55 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:2rem 1rem}
h2{margin-top:3rem;border-bottom:1px solid var(--line)}section{margin:1.5rem 0;padding:1rem;border:1px solid var(--line);border-radius:8px}
h3{margin:0 0 .5rem;font:600 1rem ui-monospace,monospace;overflow-wrap:anywhere}table{width:100%;border-collapse:collapse;font-size:.92rem}
td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-top:1px solid var(--line)}code{font-family:ui-monospace,monospace}
nav a{margin-right:1rem}.who{opacity:.75;font-size:.9rem}";

/// `GET /docs`.
pub async fn reference() -> Response {
    let comments = Comments::read(&POOL);
    let mut services: Vec<_> = POOL.services().filter(|s| s.full_name().starts_with("neipix.")).collect();
    services.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    let (mut index, mut body) = (String::new(), String::new());
    for service in services {
        let rpcs: Vec<&Method> = service
            .methods()
            .filter_map(|m| methods().get(&format!("/{}/{}", service.full_name(), m.name())))
            .filter(|m| !m.bindings.is_empty())
            .collect();
        if rpcs.is_empty() {
            continue;
        }
        let name = service.name();
        let _ = write!(index, "<a href=\"#{name}\">{name}</a>");
        let _ = write!(body, "<h2 id=\"{name}\">{name}</h2><p>{}</p>", escape(&comments.of_service(&service)));
        for rpc in rpcs {
            operation(&mut body, rpc, &comments);
        }
    }
    page(
        "Neipix API",
        &format!(
            "<h1>Neipix API</h1><p>REST below <code>/api/v1</code>; the same calls over gRPC. Machines read \
             <a href=\"/api/v1/openapi.json\">openapi.json</a>. Send an access token or an API key as \
             <code>Authorization: Bearer …</code>.</p><nav>{index}</nav>{body}"
        ),
    )
}

fn operation(out: &mut String, method: &Method, comments: &Comments) {
    let _ = write!(out, "<section id=\"{}\">", method.descriptor.name());
    for binding in &method.bindings {
        let _ = write!(out, "<h3>{} {}</h3>", binding.verb, escape(&json_template(&binding.template)));
    }
    for paragraph in comments.of_method(&method.descriptor).split("\n\n") {
        let _ = write!(out, "<p>{}</p>", escape(&paragraph.replace('\n', " ")));
    }
    let who = match &method.who {
        Who::Permission(p) => format!("Needs the permission <code>{}</code>.", escape(p)),
        Who::SignedIn => "Needs a signed-in caller.".to_owned(),
        Who::Public => "Nobody needs to sign in.".to_owned(),
        Who::Internal(_) => String::new(),
    };
    let _ = write!(out, "<p class=\"who\">{who} gRPC <code>{}</code>.</p>", escape(&method.path));
    let input = method.descriptor.input();
    if input.fields().len() > 0 {
        out.push_str("<table><tr><th>Field</th><th>Meaning</th></tr>");
        for field in input.fields() {
            if let Some(found) = field_at(&input, field.name()) {
                let (name, text) = (field.json_name(), escape(&comments.of_field(&found)));
                let _ = write!(out, "<tr><td><code>{name}</code></td><td>{text}</td></tr>");
            }
        }
        out.push_str("</table>");
    }
    out.push_str("<p class=\"who\">May answer: ");
    let reasons: Vec<String> =
        method.reasons.iter().map(|r| format!("<a href=\"/errors/{0}\"><code>{0}</code></a>", r.name)).collect();
    let _ = write!(out, "{}.</p></section>", reasons.join(", "));
}

/// `GET /errors/{reason}`: where a problem's `type` leads.
pub async fn error(State(edge): State<Edge>, Path(name): Path<String>, request: Request) -> Response {
    let comments = Comments::read(&POOL);
    let found = POOL.all_enums().filter(|e| e.name() == "ErrorReason").find_map(|reasons| {
        let value = reasons.get_value_by_name(&format!("ERROR_REASON_{name}"))?;
        let info = neipix_proto::reason_named(reasons.parent_file().package_name(), &name)?;
        (value.number() != 0).then(|| (comments.of_enum(&reasons), info))
    });
    let Some((text, info)) = found else {
        let failure = neipix_mesh::Failure::not_found();
        let incoming = Incoming::read(&request.into_parts().0, &edge);
        return problem::of_failure(failure, &Frame { api_origin: &edge.origins.api, trace_id: incoming.trace_id() });
    };
    page(info.title, &explanation(&text, info))
}

fn explanation(of_enum: &str, info: &ReasonInfo) -> String {
    let mark = format!("- `ERROR_REASON_{}`: ", info.name);
    let meaning = of_enum.lines().find_map(|line| line.strip_prefix(&mark)).unwrap_or_default();
    format!(
        "<h1>{}</h1><p><code>{}</code>, HTTP {}</p><p>{}</p><p><a href=\"/docs\">API reference</a></p>",
        escape(info.title),
        info.name,
        info.status(),
        escape(meaning)
    )
}

/// A page of the edge's own, in its plain dress.
pub(crate) fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{}</title><style>{STYLE}</style><body>{body}</body></html>",
        escape(title)
    );
    let mut response = (StatusCode::OK, Html(html)).into_response();
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
