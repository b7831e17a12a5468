//! Stop words: a word in any form, a phrase, or a regular expression.
//!
//! Pure. Text is made plain first: look-alike letters, zero-width marks, ё/е and case do not hide a word.

use neipix_proto::assistants::v1::{StopWord, StopWordMatch};
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;

/// Size limit of a compiled expression, in bytes.
const EXPRESSION_MOST: usize = 200_000;

/// The first stop word that matches; `of_answer` looks only at those that check answers.
#[must_use]
pub fn find<'a>(words: &'a [StopWord], text: &str, of_answer: bool) -> Option<&'a StopWord> {
    if words.is_empty() {
        return None;
    }
    let plain = plain(text);
    words.iter().filter(|w| !of_answer || w.check_answer).find(|word| matches(word, text, &plain))
}

fn matches(word: &StopWord, text: &str, text_plain: &str) -> bool {
    match word.r#match() {
        StopWordMatch::Regex => regex::RegexBuilder::new(&word.pattern)
            .size_limit(EXPRESSION_MOST)
            .case_insensitive(true)
            .build()
            .is_ok_and(|r| r.is_match(text) || r.is_match(text_plain)),
        StopWordMatch::Phrase => contains_words(text_plain, &plain(&word.pattern)),
        StopWordMatch::WordForm | StopWordMatch::Unspecified => {
            let wanted = stem(&plain(&word.pattern));
            tokens(text_plain).any(|token| stem(token) == wanted)
        }
    }
}

fn contains_words(text: &str, phrase: &str) -> bool {
    let phrase: Vec<&str> = tokens(phrase).collect();
    let text: Vec<&str> = tokens(text).collect();
    !phrase.is_empty() && text.windows(phrase.len()).any(|w| w == phrase)
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|t| !t.is_empty())
}

fn stem(word: &str) -> String {
    let algorithm =
        if word.chars().any(|c| ('а'..='я').contains(&c)) { Algorithm::Russian } else { Algorithm::English };
    Stemmer::create(algorithm).stem(word).into_owned()
}

/// Lower case, ё as е, no zero-width marks; in a word that has Cyrillic letters, Latin look-alikes become Cyrillic.
#[must_use]
pub fn plain(text: &str) -> String {
    let text: String = text
        .nfkc()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'))
        .collect::<String>()
        .to_lowercase()
        .replace('ё', "е");
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let cyrillic = part.chars().any(|c| ('а'..='я').contains(&c));
        out.extend(part.chars().map(|c| if cyrillic { look_alike(c) } else { c }));
    }
    out
}

fn look_alike(c: char) -> char {
    match c {
        'a' => 'а',
        'b' => 'в',
        'c' => 'с',
        'e' => 'е',
        'h' => 'н',
        'k' => 'к',
        'm' => 'м',
        'o' | '0' => 'о',
        'p' => 'р',
        't' => 'т',
        'x' => 'х',
        'y' => 'у',
        '3' => 'з',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1::StopWordAction;
    use proptest::prelude::*;

    use super::*;

    fn word(pattern: &str, kind: StopWordMatch) -> StopWord {
        StopWord {
            pattern: pattern.into(),
            r#match: kind.into(),
            action: StopWordAction::Silent.into(),
            reply: String::new(),
            check_answer: false,
        }
    }

    #[test]
    fn l_7_look_alikes_zero_width_marks_and_yo_do_not_hide_a_word() {
        let words = [word("жалоба", StopWordMatch::WordForm), word("счёт", StopWordMatch::WordForm)];
        for text in ["У меня ЖАЛОБЫ!", "жaлoбу", "жа\u{200b}лоба", "счет", "СЧЁТА"] {
            assert!(find(&words, text, false).is_some(), "{text}");
        }
        assert!(find(&words, "жаловать", false).is_none());
        assert!(find(&words, "жалоба", true).is_none(), "only those that check answers look at answers");
    }

    #[test]
    fn a_phrase_matches_whole_words_and_a_monstrous_expression_never() {
        assert!(find(&[word("живой человек", StopWordMatch::Phrase)], "Дайте, живой человек!", false).is_some());
        assert!(find(&[word("живой человек", StopWordMatch::Phrase)], "живой человечек", false).is_none());
        assert!(find(&[word("(.{999}){999}", StopWordMatch::Regex)], "а", false).is_none());
    }

    proptest! {
        #[test]
        fn plain_text_of_anything_is_text(text in ".{0,200}") {
            let _ = plain(&text);
            let _ = find(&[word("слово", StopWordMatch::WordForm)], &text, false);
        }
    }
}
