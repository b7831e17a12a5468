//! The built-in answerer as one of the providers: no network, no price, always there.

use neipix_proto::assistants::v1::Citation;

use super::citations;
use crate::{
    extractive::{self, Confidence},
    search::{self, store::PassageRow},
};

/// What it says.
pub struct BuiltIn {
    /// The text.
    pub text: String,
    /// Where it comes from.
    pub citations: Vec<Citation>,
    /// Whether the material answers at all.
    pub is_sure: bool,
}

/// Answers a question from passages.
pub fn answer(question: &str, passages: &[PassageRow], output_tokens_max: i32) -> BuiltIn {
    let prepared = search::prepare(question);
    let readings: Vec<&str> = prepared.readings.iter().skip(1).map(|r| r.text.as_str()).collect();
    let ranked: Vec<extractive::RankedPassage<'_>> =
        passages.iter().map(|p| extractive::RankedPassage { text: &p.body, headings: &p.headings }).collect();
    let answer = extractive::answer(question, &readings, &ranked);
    let text = within(answer.text, output_tokens_max);
    let mut citations = citations::of_quotes(&answer.citations, passages);
    citations.retain(|c| text.contains(&format!("[{}]", c.n)));
    BuiltIn { text, citations, is_sure: answer.confidence == Confidence::Found }
}

/// The limit of the answer holds for it as well; it is cut after a word.
fn within(text: String, output_tokens_max: i32) -> String {
    let most = usize::try_from(output_tokens_max).unwrap_or(0) * 22 / 10;
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let head = text.get(..end).unwrap_or_default();
    let end = head.rfind(char::is_whitespace).unwrap_or(end);
    format!("{}…", head.get(..end).unwrap_or_default())
}

/// Pieces as they go out: sentences, so that a watcher sees it grow.
pub fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(". ").flat_map(|s| s.split_inclusive("] ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_text() {
        let text = "По материалам компании: Доставка 300 ₽. [1] Самовывоз бесплатно. [2]";
        assert_eq!(pieces(text).concat(), text);
        assert!(pieces(text).len() > 2);
    }

    #[test]
    fn the_limit_cuts_after_a_word() {
        assert_eq!(within("одно два три".into(), 4), "одно…");
        assert_eq!(within("одно".into(), 16), "одно");
    }
}
