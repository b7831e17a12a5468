//! What every proto of Neipix must hold. The build calls it, and so do its own tests.

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ReflectMessage as _, ServiceDescriptor, Value,
};

/// Field rules that the access layer checks; any other would be a promise that nobody keeps.
const RULES: &[&str] = &[
    "required",
    "ignore",
    "string.min_len",
    "string.max_len",
    "string.pattern",
    "string.in",
    "string.uuid",
    "string.email",
    "int32.gte",
    "int32.lte",
    "int64.gte",
    "int64.lte",
    "double.gte",
    "double.lte",
    "enum.defined_only",
    "enum.not_in",
    "repeated.min_items",
    "repeated.max_items",
    "repeated.unique",
    "repeated.items",
    "bytes.len",
    "bytes.max_len",
    "timestamp.gt_now",
];

/// Everything that breaks a rule, in words; empty = all is well.
pub fn problems(pool: &DescriptorPool) -> Vec<String> {
    let mut found = Vec::new();
    for service in pool.services().filter(|s| s.full_name().starts_with("neipix.")) {
        for method in service.methods() {
            found.extend(method_problems(pool, &service, &method));
        }
    }
    for message in pool.all_messages().filter(|m| m.full_name().starts_with("neipix.")) {
        for field in message.fields() {
            found.extend(rule_problems(pool, &field));
        }
    }
    for reasons in pool.all_enums().filter(|e| e.name() == "ErrorReason") {
        for value in reasons.values().filter(|v| v.number() != 0) {
            if reason_of(pool, &value).is_none_or(|(code, title, _)| code == 0 || title.is_empty()) {
                found.push(format!("{}: no (neipix.access.v1.reason) with code and title", value.full_name()));
            }
        }
    }
    found
}

/// gRPC code, title and HTTP status (0 = standard) of a reason.
pub fn reason_of(pool: &DescriptorPool, value: &EnumValueDescriptor) -> Option<(i32, String, u32)> {
    let extension = pool.get_extension_by_name("neipix.access.v1.reason")?;
    let options = value.options();
    if !options.has_extension(&extension) {
        return None;
    }
    let reason = options.get_extension(&extension);
    let reason = reason.as_message()?;
    Some((
        get(reason, "code").as_enum_number()?,
        get(reason, "title").as_str()?.to_owned(),
        get(reason, "http").as_u32()?,
    ))
}

/// Splits `30/minute` into a number and a period in seconds.
pub fn parse_rate(rate: &str) -> Option<(u32, u32)> {
    let (count, unit) = rate.split_once('/')?;
    let seconds = match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    count.parse().ok().filter(|n| *n > 0).map(|n| (n, seconds))
}

fn get(message: &DynamicMessage, field: &str) -> Value {
    message.get_field_by_name(field).map_or(Value::Bool(false), |v| v.into_owned())
}

fn method_problems(pool: &DescriptorPool, service: &ServiceDescriptor, method: &MethodDescriptor) -> Vec<String> {
    let name = method.full_name().to_owned();
    let Some(extension) = pool.get_extension_by_name("neipix.access.v1.access") else {
        return vec!["neipix.access.v1.access is not defined".to_owned()];
    };
    let options = method.options();
    if !options.has_extension(&extension) {
        return vec![format!("{name}: no (neipix.access.v1.access)")];
    }
    let access = options.get_extension(&extension);
    let Some(access) = access.as_message() else {
        return vec![format!("{name}: (neipix.access.v1.access) is not a message")];
    };
    let mut found = who_problems(access, method);
    let mut add = |text: &str| found.push(format!("{name}: {text}"));
    if method.is_client_streaming() {
        add("client streaming is not supported");
    }
    if !(1..=600_000).contains(&get(access, "timeout_ms").as_u32().unwrap_or(0)) {
        add("timeout_ms must be 1 to 600,000");
    }
    let rate = get(access, "rate");
    let rate = rate.as_str().unwrap_or_default();
    if !rate.is_empty() && parse_rate(rate).is_none() {
        add("rate must be <n>/<second|minute|hour|day>");
    }
    let internal = access.has_field_by_name("internal");
    let face = get(access, "face").as_str().is_some_and(|f| !f.is_empty());
    let http = pool.get_extension_by_name("google.api.http").is_some_and(|e| options.has_extension(&e));
    match (internal || face, http) {
        (false, false) => add("no (google.api.http)"),
        (true, true) => add("an internal rpc, or one with another face, has no (google.api.http)"),
        _ => {}
    }
    let package = service.parent_file().package_name().to_owned();
    let reasons = pool.get_enum_by_name(&format!("{package}.ErrorReason"));
    for error in get(access, "errors").as_list().unwrap_or_default() {
        let error = error.as_str().unwrap_or_default();
        let known = reasons.as_ref().is_some_and(|r| r.get_value_by_name(&format!("ERROR_REASON_{error}")).is_some());
        if !known {
            add(&format!("{error} is not in {package}.ErrorReason"));
        }
    }
    found
}

fn who_problems(access: &DynamicMessage, method: &MethodDescriptor) -> Vec<String> {
    let name = method.full_name();
    let set: Vec<&str> =
        ["permission", "signed_in", "public", "internal"].into_iter().filter(|f| access.has_field_by_name(f)).collect();
    let [who] = set.as_slice() else {
        return vec![format!("{name}: exactly one of permission, signed_in, public, internal")];
    };
    match *who {
        "permission" => {
            let permission = get(access, "permission");
            let good = permission
                .as_str()
                .is_some_and(|p| p.contains('.') && p.chars().all(|c| c.is_ascii_lowercase() || c == '.' || c == '_'));
            if good { vec![] } else { vec![format!("{name}: a permission looks like `chats.read`")] }
        }
        "internal" => internal_problems(access, method),
        other => match get(access, other).as_bool() {
            Some(true) => vec![],
            _ => vec![format!("{name}: {other} must be true")],
        },
    }
}

fn internal_problems(access: &DynamicMessage, method: &MethodDescriptor) -> Vec<String> {
    let name = method.full_name();
    let mut found = Vec::new();
    let internal = get(access, "internal");
    let callers = internal.as_message().map(|m| get(m, "callers"));
    if callers.and_then(|c| c.as_list().map(<[Value]>::len)).unwrap_or(0) == 0 {
        found.push(format!("{name}: internal without callers"));
    }
    let first = method.input().get_field(1);
    if !first.is_some_and(|f| f.name() == "workspace_id" && f.kind() == Kind::String && !f.is_list()) {
        found.push(format!("{name}: field 1 of an internal request is `string workspace_id`"));
    }
    found
}

fn rule_problems(pool: &DescriptorPool, field: &FieldDescriptor) -> Vec<String> {
    let Some(extension) = pool.get_extension_by_name("buf.validate.field") else {
        return vec!["buf.validate is not there".to_owned()];
    };
    let options = field.options();
    if !options.has_extension(&extension) {
        return vec![];
    }
    let rules = options.get_extension(&extension);
    let mut used = Vec::new();
    if let Some(rules) = rules.as_message() {
        collect(rules, "", &mut used);
    }
    used.into_iter()
        .filter(|rule| !RULES.contains(&rule.as_str()))
        .map(|rule| format!("{}: field rule {rule} is not supported by the access layer", field.full_name()))
        .collect()
}

/// Names of the rules that are set: `string.min_len`, `repeated.items` and what is in it.
fn collect(rules: &DynamicMessage, prefix: &str, used: &mut Vec<String>) {
    let descriptor: MessageDescriptor = rules.descriptor();
    for field in descriptor.fields().filter(|f| rules.has_field(f)) {
        let value = rules.get_field(&field);
        let path = if prefix.is_empty() { field.name().to_owned() } else { format!("{prefix}.{}", field.name()) };
        match value.as_message() {
            Some(inner) if path == "repeated.items" => {
                used.push(path);
                collect(inner, "", used);
            }
            Some(inner) if prefix.is_empty() => collect(inner, &path, used),
            _ => used.push(path),
        }
    }
}
