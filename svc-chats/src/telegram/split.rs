//! Long texts in parts: cut at an empty line, a line, a sentence, a space, and only then within a word. Styles and code
//! that are cut go on in the next part.

use super::format::{Entity, Formatted, units};

/// UTF-16 units of a part; Telegram takes 4,096.
pub const UNITS_MAX: usize = 3_900;

/// Splits a text into parts of at most `most` UTF-16 units (two at least).
#[must_use]
pub fn split(whole: &Formatted, most: usize) -> Vec<Formatted> {
    let most = most.max(2);
    let chars: Vec<(usize, char)> = {
        let mut at = 0;
        let place = |c: char| {
            let here = at;
            at += c.len_utf16();
            (here, c)
        };
        whole.text.chars().map(place).collect()
    };
    let mut parts = vec![];
    let mut from = 0;
    loop {
        while from < chars.len() && chars[from].1.is_whitespace() && !in_code(whole, chars[from].0) {
            from += 1;
        }
        if from >= chars.len() {
            return parts;
        }
        let to = from + cut(&chars[from..], most);
        let part = piece(whole, &chars, from, to);
        if !part.text.trim().is_empty() {
            parts.push(part);
        }
        from = to;
    }
}

/// How many characters the next part takes; at least one.
fn cut(chars: &[(usize, char)], most: usize) -> usize {
    let start = chars[0].0;
    let fits = chars.partition_point(|(at, c)| at + c.len_utf16() - start <= most).max(1);
    if fits == chars.len() {
        return fits;
    }
    // A part is at least half full, so that a text of many blank lines does not become a hail of messages.
    let window = &chars[fits / 2..fits];
    let after = |found: Option<usize>| found.map(|n| fits / 2 + n + 1);
    let blank = (1..window.len()).rev().find(|n| window[*n].1 == '\n' && window[*n - 1].1 == '\n');
    let line = window.iter().rposition(|(_, c)| *c == '\n');
    let sentence = (1..window.len()).rev().find(|n| window[*n].1 == ' ' && ".!?…".contains(window[*n - 1].1));
    let space = window.iter().rposition(|(_, c)| c.is_whitespace());
    after(blank).or(after(line)).or(after(sentence)).or(after(space)).unwrap_or(fits)
}

fn in_code(whole: &Formatted, at: usize) -> bool {
    whole.entities.iter().any(|e| (e.kind == "pre" || e.kind == "code") && e.offset < at && at < e.offset + e.length)
}

fn piece(whole: &Formatted, chars: &[(usize, char)], from: usize, to: usize) -> Formatted {
    let text: String = chars[from..to].iter().map(|(_, c)| *c).collect();
    let text = text.trim_end().to_owned();
    let (start, end) = (chars[from].0, chars[from].0 + units(&text));
    let entities = whole.entities.iter().filter_map(|entity| {
        let (a, b) = (entity.offset.max(start), (entity.offset + entity.length).min(end));
        (a < b).then(|| Entity { offset: a - start, length: b - a, ..entity.clone() })
    });
    Formatted { entities: entities.collect(), text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::format::format, *};

    #[test]
    fn a_text_is_cut_where_a_person_would_cut_it() {
        let text = "Первый абзац. Ещё строка.\n\nВторой абзац, тоже не длинный.";
        let parts = split(&format(text), 40);
        let texts: Vec<&str> = parts.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, ["Первый абзац. Ещё строка.", "Второй абзац, тоже не длинный."]);
    }

    #[test]
    fn code_and_styles_go_on_in_the_next_part() {
        let code = format!("```rust\n{}```", "let x = 1;\n".repeat(20));
        let parts = split(&format(&code), 60);
        assert!(parts.len() > 3);
        for part in &parts {
            assert_eq!(part.entities.len(), 1, "{part:?}");
            assert_eq!(part.entities[0].language.as_deref(), Some("rust"));
        }
    }

    proptest! {
        #[test]
        fn no_letter_is_lost_and_no_part_is_too_long(text in "[а-я👍. \n*`]{0,400}", most in 2usize..60) {
            let whole = format(&text);
            let parts = split(&whole, most);
            let letters = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(parts.iter().map(|p| letters(&p.text)).collect::<String>(), letters(&whole.text));
            for part in parts {
                prop_assert!(units(&part.text) <= most && !part.text.is_empty());
                for e in &part.entities {
                    prop_assert!(e.length > 0 && e.offset + e.length <= units(&part.text));
                }
            }
        }
    }
}
