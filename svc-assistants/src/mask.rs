//! Partial updates: takes the masked fields of one message over into another.

use neipix_mesh::Failure;
use neipix_proto::POOL;
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _};
use prost_types::FieldMask;

/// Most paths in a mask.
const PATHS_MAX: usize = 100;

/// `stored` with the masked fields of `sent`. Without a mask these are the fields that `sent` holds.
///
/// `name` is the messages' full name; `allowed` are the paths that may change, each with everything below it.
///
/// # Errors
/// FIELD_INVALID naming `update_mask`: `*`, an unknown path, one that may not change, too many.
pub fn apply<M: Message + Default>(
    name: &str,
    stored: &M,
    sent: &M,
    mask: Option<&FieldMask>,
    allowed: &[&str],
) -> Result<M, Failure> {
    let descriptor = POOL.get_message_by_name(name).ok_or_else(|| Failure::internal("a message without descriptor"))?;
    let read = |message: &M| {
        DynamicMessage::decode(descriptor.clone(), message.encode_to_vec().as_slice()).map_err(Failure::internal)
    };
    let (mut target, source) = (read(stored)?, read(sent)?);
    let paths = match mask {
        Some(mask) if !mask.paths.is_empty() => given(mask)?,
        _ => implied(&source, allowed),
    };
    for path in &paths {
        let permitted = allowed.iter().any(|a| path == a || path.strip_prefix(a).is_some_and(|p| p.starts_with('.')));
        if !permitted {
            let fix = format!("`{path}` cannot be changed; these can: {}", allowed.join(", "));
            return Err(Failure::invalid("update_mask", fix));
        }
        let segments: Vec<&str> = path.split('.').collect();
        if !is_known(&descriptor, &segments) {
            return Err(Failure::invalid("update_mask", format!("`{path}` is no field")));
        }
        copy(&mut target, &source, &segments);
    }
    M::decode(target.encode_to_vec().as_slice()).map_err(Failure::internal)
}

fn given(mask: &FieldMask) -> Result<Vec<String>, Failure> {
    if mask.paths.len() > PATHS_MAX {
        return Err(Failure::invalid("update_mask", format!("must name at most {PATHS_MAX} fields")));
    }
    if mask.paths.iter().any(|p| p.contains('*')) {
        return Err(Failure::invalid("update_mask", "must name fields one by one: `*` is not accepted"));
    }
    Ok(mask.paths.clone())
}

/// What `sent` holds below the allowed paths: a message that is wholly allowed is taken field by field, so that a body
/// with one field of it leaves the others alone.
fn implied(source: &DynamicMessage, allowed: &[&str]) -> Vec<String> {
    let mut paths = vec![];
    for name in allowed {
        let Some(field) = source.descriptor().get_field_by_name(name) else { continue };
        if !source.has_field(&field) {
            continue;
        }
        match source.get_field(&field).as_message() {
            Some(below) => paths.extend(below.fields().map(|(f, _)| format!("{name}.{}", f.name()))),
            None => paths.push((*name).to_owned()),
        }
    }
    paths
}

fn is_known(descriptor: &MessageDescriptor, segments: &[&str]) -> bool {
    let Some((first, rest)) = segments.split_first() else { return false };
    let Some(field) = descriptor.get_field_by_name(first) else { return false };
    match field.kind() {
        _ if rest.is_empty() => true,
        Kind::Message(below) if !field.is_list() && !field.is_map() => is_known(&below, rest),
        _ => false,
    }
}

fn copy(target: &mut DynamicMessage, source: &DynamicMessage, segments: &[&str]) {
    let Some((first, rest)) = segments.split_first() else { return };
    let Some(field) = target.descriptor().get_field_by_name(first) else { return };
    if rest.is_empty() {
        if source.has_field(&field) {
            target.set_field(&field, source.get_field(&field).into_owned());
        } else {
            target.clear_field(&field);
        }
        return;
    }
    let below = source.get_field(&field);
    if let (Some(source), Some(target)) = (below.as_message(), target.get_field_mut(&field).as_message_mut()) {
        copy(target, source, rest);
    }
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1::{Assistant, AssistantSpec, Schedule};

    use super::*;

    const NAME: &str = "neipix.assistants.v1.Assistant";

    fn assistant(name: &str, instruction: &str) -> Assistant {
        let draft = AssistantSpec { name: name.into(), instruction: instruction.into(), ..AssistantSpec::default() };
        Assistant { id: "kept".into(), draft: Some(draft), published_version: 3, ..Assistant::default() }
    }

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }
    }

    fn draft(stored: &Assistant, sent: &Assistant, mask: Option<&FieldMask>) -> Result<AssistantSpec, Failure> {
        apply(NAME, stored, sent, mask, &["draft"]).map(|a| {
            assert_eq!((a.id.as_str(), a.published_version), ("kept", 3), "what is output only stays");
            a.draft.unwrap()
        })
    }

    #[test]
    fn only_masked_fields_change() {
        let (stored, mut sent) = (assistant("a", "old"), assistant("b", "new"));
        sent.id = "other".into();
        sent.published_version = 9;
        let masked = draft(&stored, &sent, Some(&mask(&["draft.instruction"]))).unwrap();
        assert_eq!((masked.name.as_str(), masked.instruction.as_str()), ("a", "new"));
    }

    #[test]
    fn without_a_mask_what_the_body_holds_changes() {
        let mut sent = assistant("", "new");
        sent.draft.as_mut().unwrap().temperature = Some(0.0);
        let merged = draft(&assistant("a", "old"), &sent, None).unwrap();
        assert_eq!((merged.name.as_str(), merged.instruction.as_str(), merged.temperature), ("a", "new", Some(0.0)));
    }

    #[test]
    fn a_masked_field_that_the_body_lacks_is_cleared() {
        let mut stored = assistant("a", "old");
        stored.draft.as_mut().unwrap().schedule = Some(Schedule::default());
        let cleared = draft(&stored, &assistant("a", "old"), Some(&mask(&["draft.schedule"]))).unwrap();
        assert_eq!(cleared.schedule, None);
    }

    #[test]
    fn e_14_stars_foreign_paths_and_crowds_are_refused() {
        let (stored, sent) = (assistant("a", "old"), assistant("b", "new"));
        let many: Vec<&str> = std::iter::repeat_n("draft.name", 101).collect();
        let bad =
            [mask(&["*"]), mask(&["id", "workspaceId"]), mask(&["draft.nothing"]), mask(&["status"]), mask(&many)];
        for mask in &bad {
            let refused = draft(&stored, &sent, Some(mask)).unwrap_err();
            assert_eq!(refused.fields()[0].field, "update_mask", "{mask:?}");
        }
        assert!(draft(&stored, &sent, Some(&mask(&["draft.name.first"]))).is_err(), "below a text lies nothing");
    }
}
