//! Proto names and JSON names of fields.

/// `draft.stop_words[1].pattern` → `draft.stopWords[1].pattern`.
#[must_use]
pub fn json_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let (mut upper, mut quoted) = (false, false);
    for c in path.chars() {
        if c == '"' {
            quoted = !quoted;
        }
        if c == '_' && !quoted {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// `draft.stopWords` → `draft.stop_words`; names that are proto names already stay.
#[must_use]
pub fn proto_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 4);
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_back_and_forth() {
        assert_eq!(json_path("draft.stop_words[1].check_answer"), "draft.stopWords[1].checkAnswer");
        assert_eq!(proto_path("draft.stopWords"), "draft.stop_words");
        assert_eq!(proto_path("stop_words"), "stop_words");
        assert_eq!(json_path(r#"fields["a_b"].c_d"#), r#"fields["a_b"].cD"#);
    }
}
