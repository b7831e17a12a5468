//! The rules of each rpc, read once from the descriptors.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

use crate::{
    POOL, ReasonInfo,
    access::v1::{Access, ErrorReason, Surface, access::Who as ProtoWho},
    google::api::{HttpRule, http_rule::Pattern},
    reason_named,
};

/// Who may call an rpc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Holders of this permission.
    Permission(String),
    /// Any signed-in person, key or visitor.
    SignedIn,
    /// Everybody.
    Public,
    /// The named processes of the mesh; `all` among them means each service and the edge.
    Internal(Vec<String>),
}

/// A REST face of an rpc.
#[derive(Debug, Clone)]
pub struct Binding {
    /// HTTP method, upper case.
    pub verb: &'static str,
    /// Path with `{field.path}` variables.
    pub template: String,
    /// `""` = none, `"*"` = the whole request, else the field's name.
    pub body: String,
}

/// An rpc and everything its options say.
#[derive(Debug, Clone)]
pub struct Method {
    /// `/neipix.chats.v1.ConversationService/TakeOver`.
    pub path: String,
    /// `chats.v1.ConversationService/TakeOver`: how audit, logs and metrics name it.
    pub name: String,
    /// Full name of the gRPC service.
    pub service: String,
    /// Descriptor with request, answer and comments.
    pub descriptor: MethodDescriptor,
    /// Who may call.
    pub who: Who,
    /// Audiences of tokens that are good here.
    pub surfaces: Vec<Surface>,
    /// Safe to repeat.
    pub idempotent: bool,
    /// Calls and seconds of the token bucket.
    pub rate: Option<(u32, u32)>,
    /// Writes an audit record.
    pub audit: bool,
    /// Deadline; of a stream: until its first message.
    pub timeout: Duration,
    /// `openai` or empty.
    pub face: String,
    /// REST faces, the main one first; none for internal rpcs.
    pub bindings: Vec<Binding>,
    /// Everything the rpc may answer, its own reasons first.
    pub reasons: Vec<&'static ReasonInfo>,
    /// The request's fields marked secret or nothing: an answer with one is never kept.
    pub answers_secret: bool,
}

impl Method {
    /// Whether only the mesh may call it.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self.who, Who::Internal(_))
    }

    /// Whether it keeps idempotency records: it changes something and is not safe to repeat by itself.
    ///
    /// Public rpcs, server streams and the token rpcs of svc-auth take no key.
    #[must_use]
    pub fn takes_idempotency_key(&self) -> bool {
        let token_rpc = ["SwitchWorkspace", "CreateSocketTicket"].contains(&self.descriptor.name());
        !self.idempotent
            && !token_rpc
            && !self.descriptor.is_server_streaming()
            && matches!(self.who, Who::Permission(_) | Who::SignedIn)
    }
}

/// All rpcs by gRPC path.
#[derive(Debug)]
pub struct Methods(HashMap<String, Method>);

impl Methods {
    /// The rpcs of a set of descriptors; an rpc without its option is left out, which the build does not let happen.
    #[must_use]
    pub fn of(pool: &DescriptorPool) -> Self {
        let mut all = HashMap::new();
        for service in pool.services().filter(|s| s.full_name().starts_with("neipix.")) {
            for descriptor in service.methods() {
                if let Some(method) = read(descriptor) {
                    all.insert(method.path.clone(), method);
                }
            }
        }
        Self(all)
    }

    /// The rpc of a gRPC path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Method> {
        self.0.get(path)
    }

    /// All of them, by path.
    #[must_use]
    pub fn all(&self) -> Vec<&Method> {
        let mut all: Vec<&Method> = self.0.values().collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }
}

/// The rules of every rpc.
pub fn methods() -> &'static Methods {
    static METHODS: LazyLock<Methods> = LazyLock::new(|| Methods::of(&POOL));
    &METHODS
}

fn option<T: prost::Message + Default>(method: &MethodDescriptor, name: &str) -> Option<T> {
    let extension = method.parent_pool().get_extension_by_name(name)?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return None;
    }
    options.get_extension(&extension).as_message()?.transcode_to().ok()
}

/// Whether a field carries `(neipix.access.v1.field).secret`.
fn is_secret(field: &FieldDescriptor) -> bool {
    field.parent_pool().get_extension_by_name("neipix.access.v1.field").is_some_and(|extension| {
        let options: DynamicMessage = field.options();
        options.has_extension(&extension)
            && options
                .get_extension(&extension)
                .as_message()
                .is_some_and(|m| m.get_field_by_name("secret").and_then(|v| v.as_bool()).unwrap_or(false))
    })
}

fn read(descriptor: MethodDescriptor) -> Option<Method> {
    let access: Access = option(&descriptor, "neipix.access.v1.access")?;
    let who = match access.who.clone()? {
        ProtoWho::Permission(permission) => Who::Permission(permission),
        ProtoWho::SignedIn(_) => Who::SignedIn,
        ProtoWho::Public(_) => Who::Public,
        ProtoWho::Internal(internal) => Who::Internal(internal.callers),
    };
    let service = descriptor.parent_service().full_name().to_owned();
    let mut method = Method {
        path: format!("/{service}/{}", descriptor.name()),
        name: format!("{}/{}", service.trim_start_matches("neipix."), descriptor.name()),
        surfaces: surfaces(&access, &who),
        rate: crate::method::rate(&access.rate),
        timeout: Duration::from_millis(u64::from(access.timeout_ms)),
        bindings: option::<HttpRule>(&descriptor, "google.api.http").map(|r| bindings(&r)).unwrap_or_default(),
        reasons: vec![],
        answers_secret: descriptor.output().fields().any(|f| is_secret(&f)),
        idempotent: access.idempotent,
        audit: access.audit,
        face: access.face.clone(),
        service,
        who,
        descriptor,
    };
    method.reasons = reasons(&method, &access);
    Some(method)
}

fn rate(text: &str) -> Option<(u32, u32)> {
    let (count, unit) = text.split_once('/')?;
    let seconds = match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        _ => 86_400,
    };
    Some((count.parse().ok()?, seconds))
}

fn surfaces(access: &Access, who: &Who) -> Vec<Surface> {
    if !access.surfaces.is_empty() {
        return access.surfaces().collect();
    }
    match who {
        Who::Permission(p) if p.starts_with("platform.") => vec![Surface::Admin],
        Who::Permission(_) => vec![Surface::App, Surface::Api],
        Who::SignedIn => vec![Surface::App, Surface::Admin, Surface::Api],
        Who::Public | Who::Internal(_) => vec![Surface::App, Surface::Admin, Surface::Api, Surface::Widget],
    }
}

fn bindings(rule: &HttpRule) -> Vec<Binding> {
    let (verb, template) = match &rule.pattern {
        Some(Pattern::Get(p)) => ("GET", p),
        Some(Pattern::Put(p)) => ("PUT", p),
        Some(Pattern::Post(p)) => ("POST", p),
        Some(Pattern::Delete(p)) => ("DELETE", p),
        Some(Pattern::Patch(p)) => ("PATCH", p),
        Some(Pattern::Custom(_)) | None => return vec![],
    };
    let first = Binding { verb, template: template.clone(), body: rule.body.clone() };
    std::iter::once(first).chain(rule.additional_bindings.iter().flat_map(bindings)).collect()
}

/// The package's own reasons, then those of the mesh by rule (contract, part B).
fn reasons(method: &Method, access: &Access) -> Vec<&'static ReasonInfo> {
    use ErrorReason as R;
    let package = method.descriptor.parent_service().parent_file().package_name().to_owned();
    let mut all: Vec<_> = access.errors.iter().filter_map(|name| reason_named(&package, name)).collect();
    let input = method.descriptor.input();
    let mut mesh = vec![R::Internal, R::Unavailable, R::Deadline, R::RateLimited];
    if !matches!(method.who, Who::Public) {
        mesh.extend([R::TokenInvalid, R::TokenExpired, R::SessionRevoked, R::PermissionDenied]);
    }
    // A REST face refuses a body or a query that nobody asked for, too.
    if input.fields().len() > 0 || !method.bindings.is_empty() {
        mesh.extend([R::FieldInvalid, R::BodyMalformed, R::BodyTooLarge, R::MediaType]);
    }
    if input.get_field_by_name("page_token").is_some() {
        mesh.push(R::PageTokenInvalid);
    }
    if has_etag(&input) {
        mesh.push(R::EtagMismatch);
    }
    if method.takes_idempotency_key() {
        mesh.extend([R::IdempotencyKeyReused, R::IdempotencyInProgress, R::AlreadyDone]);
    }
    if input.fields().chain(method.descriptor.output().fields()).any(|f| is_cookie(&f)) {
        mesh.push(R::CsrfRefused);
    }
    if names_a_row(&input, method.is_internal(), 0) {
        mesh.push(R::NotFound);
    }
    all.extend(mesh.into_iter().map(crate::Reason::info));
    all
}

fn is_cookie(field: &FieldDescriptor) -> bool {
    field.parent_pool().get_extension_by_name("neipix.access.v1.field").is_some_and(|extension| {
        let options = field.options();
        options.has_extension(&extension)
            && options.get_extension(&extension).as_message().is_some_and(|m| {
                m.get_field_by_name("cookie").is_some_and(|v| v.as_str().is_some_and(|s| !s.is_empty()))
            })
    })
}

fn has_etag(input: &MessageDescriptor) -> bool {
    input.get_field_by_name("update_mask").is_some()
        && input.fields().any(|f| match f.kind() {
            Kind::Message(m) => m.get_field_by_name("etag").is_some(),
            _ => f.name() == "etag",
        })
}

/// Whether the request names a row by id or key, itself or in a message right below. The workspace of an internal call is its
/// context.
fn names_a_row(input: &MessageDescriptor, internal: bool, depth: u8) -> bool {
    input.fields().any(|f| match f.kind() {
        Kind::String if internal && f.name() == "workspace_id" => false,
        Kind::String => matches!(f.name(), "id" | "key") || f.name().ends_with("_id") || f.name().ends_with("_ids"),
        Kind::Message(m) => depth == 0 && !m.full_name().starts_with("google.") && names_a_row(&m, internal, 1),
        _ => false,
    })
}
