//! Finding the passages that fit a question: by its words in all its readings, by trigrams of its words, and by rank fusion
//! of both. The live turn, the test dialogue and the page for owners call the same.

pub mod lists;
mod ranked;
pub mod rpc;
pub mod store;

use std::collections::HashMap;

use neipix_mesh::PassageId;

use crate::{
    variants::{self, VariantKind},
    words::is_stop_word,
};

/// Passages where none are asked for.
pub const PASSAGES_USUAL: usize = 8;
/// Rows of one ranked list at least: what lies far down in one may stand high in another.
const LIST_ROWS: usize = 16;
/// Characters of a question that are searched for.
const QUESTION_CHARS_MAX: usize = 2_000;
/// Words that are searched by trigrams.
const WORDS_MAX: usize = 8;
/// Shorter words have too few trigrams to be told apart.
const WORD_CHARS_MIN: usize = 4;
/// The constant of reciprocal rank fusion.
const FUSION: f64 = 60.0;

/// A question made ready for the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question and its other readings.
    pub readings: Vec<variants::Variant>,
    /// Words that are looked for by trigrams where no passage has them, the longest first.
    pub words: Vec<String>,
}

/// Prepares a question.
#[must_use]
pub fn prepare(question: &str) -> Question {
    let cut: String = question.chars().take(QUESTION_CHARS_MAX).collect();
    let readings = variants::variants(&cut);
    let mut words: Vec<String> = vec![];
    let meant = readings.iter().filter(|r| !matches!(r.kind, VariantKind::Yo | VariantKind::Normalised));
    for word in meant.flat_map(|r| r.text.split(|c: char| !c.is_alphanumeric())) {
        let word = word.to_lowercase();
        let tells = word.chars().count() >= WORD_CHARS_MIN && !is_stop_word(&word.replace('ё', "е"));
        if tells && !words.contains(&word) {
            words.push(word);
        }
    }
    // Long words are the rare ones, and those that are misspelt.
    words.sort_by_key(|w| std::cmp::Reverse(w.chars().count()));
    words.truncate(WORDS_MAX);
    Question { readings, words }
}

/// A row of one ranked list.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Which list: the reading or the word, from 1.
    pub list: i32,
    /// Whether the list is of a word's trigrams.
    pub by_trigram: bool,
    /// The passage.
    pub passage: PassageId,
    /// Comparable within its list.
    pub score: f32,
    /// What the nearness of the words added to it, as a factor.
    pub nearness: f32,
}

/// A passage in the order of all lists together.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The passage.
    pub passage: PassageId,
    /// Comparable within one answer: the sum of the parts' shares.
    pub score: f64,
    /// One for each list that has it.
    pub parts: Vec<Part>,
}

/// What one list adds to a passage's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The reading of the question, from 1; none for words that look alike.
    pub reading: Option<i32>,
    /// Its place in the list, from 1.
    pub place: usize,
    /// Its score there.
    pub found: f64,
    /// What the nearness of the words added, as a factor.
    pub nearness: f32,
    /// What it adds.
    pub share: f64,
}

/// Rows of each list, for so many passages.
#[must_use]
pub fn list_rows(most: usize) -> i32 {
    i32::try_from(most.max(LIST_ROWS)).unwrap_or(i32::MAX)
}

/// Fuses ranked lists into one; equal scores are ordered by id, so that the same rows give the same order.
#[must_use]
pub fn fuse(hits: &[Hit], most: usize) -> Vec<Found> {
    let mut lists: HashMap<(bool, i32), Vec<&Hit>> = HashMap::new();
    for hit in hits {
        lists.entry((hit.by_trigram, hit.list)).or_default().push(hit);
    }
    let mut parts: HashMap<PassageId, Vec<Part>> = HashMap::new();
    let mut by_trigram: HashMap<PassageId, f64> = HashMap::new();
    for ((trigram, list), rows) in lists {
        if trigram {
            // A word that many passages have tells little about any of them.
            let weight = 1.0 / (1.0 + rows.len() as f64).ln_1p();
            for row in rows {
                *by_trigram.entry(row.passage).or_default() += f64::from(row.score) * weight;
            }
        } else {
            // The question as it was asked counts most.
            let weight = if list == 1 { 1.0 } else { 0.8 };
            let rows = rows.iter().map(|r| (r.passage, f64::from(r.score), r.nearness)).collect();
            add(&mut parts, Some(list), rows, weight);
        }
    }
    let alike = by_trigram.into_iter().map(|(passage, score)| (passage, score, 0.0)).collect();
    add(&mut parts, None, alike, 0.7);
    let mut found: Vec<Found> = parts
        .into_iter()
        .map(|(passage, mut parts)| {
            // Sums of the same numbers in another order may differ, and so would the order of passages.
            parts.sort_by_key(|part| part.reading.unwrap_or(i32::MAX));
            Found { passage, score: parts.iter().map(|part| part.share).sum(), parts }
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.passage.cmp(&b.passage)));
    found.truncate(most);
    found
}

fn add(
    parts: &mut HashMap<PassageId, Vec<Part>>,
    reading: Option<i32>,
    mut rows: Vec<(PassageId, f64, f32)>,
    weight: f64,
) {
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for (place, (passage, found, nearness)) in (1..).zip(rows) {
        let share = weight / (FUSION + place as f64);
        parts.entry(passage).or_default().push(Part { reading, place, found, nearness, share });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hit(list: i32, by_trigram: bool, passage: u128, score: f32) -> Hit {
        Hit { list, by_trigram, passage: PassageId(Uuid::from_u128(passage)), score, nearness: 0.0 }
    }

    fn order(hits: &[Hit]) -> Vec<u128> {
        fuse(hits, 10).iter().map(|f| f.passage.0.as_u128()).collect()
    }

    #[test]
    fn what_two_lists_agree_on_comes_first() {
        let hits = [hit(1, false, 1, 0.9), hit(1, false, 2, 0.5), hit(1, true, 2, 0.8), hit(1, true, 3, 0.7)];
        assert_eq!(order(&hits), [2, 1, 3]);
    }

    #[test]
    fn the_parts_of_a_score_add_up_to_it_and_say_where_it_was_found() {
        let hits = [hit(1, false, 1, 0.9), hit(1, false, 2, 0.5), hit(2, false, 2, 0.4), hit(1, true, 2, 0.8)];
        let found = fuse(&hits, 10);
        let second = found.iter().find(|f| f.passage.0.as_u128() == 2).unwrap();
        let places: Vec<_> = second.parts.iter().map(|p| (p.reading, p.place)).collect();
        assert_eq!(places, [(Some(1), 2), (Some(2), 1), (None, 1)]);
        for one in &found {
            let sum: f64 = one.parts.iter().map(|p| p.share).sum();
            assert!((sum - one.score).abs() < 1e-12, "{one:?}");
        }
    }

    #[test]
    fn a_misspelt_word_alone_still_finds() {
        assert_eq!(order(&[hit(3, true, 7, 0.6), hit(3, true, 8, 0.7)]), [8, 7]);
    }

    #[test]
    fn the_same_rows_give_the_same_order_and_no_more_than_asked() {
        let hits: Vec<Hit> = (0..40).map(|n| hit(1, false, n, 0.5)).collect();
        assert_eq!(fuse(&hits, 5), fuse(&hits.iter().rev().cloned().collect::<Vec<_>>(), 5));
        assert_eq!(fuse(&hits, 5).len(), 5);
    }

    #[test]
    fn politeness_is_not_looked_for_by_trigrams() {
        let words = prepare("Подскажите, пожалуйста, ещё: сколько стоит доставка?").words;
        assert_eq!(words, ["доставка", "сколько", "стоит"]);
    }

    #[test]
    fn the_wrong_layout_is_a_reading_and_its_words_are_searched() {
        let question = prepare("ljcnfdrf d rfpfym");
        assert!(question.readings.iter().any(|r| r.text.contains("доставка")), "{question:?}");
        assert!(question.words.contains(&"доставка".to_owned()), "{question:?}");
    }
}
