//! The built-in answerer: no model, only the best sentences of the passages that the search found.
//!
//! It says nothing that the material does not say, names its sources, costs nothing, and owns up when nothing
//! fits. A pure function: same question and passages, same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::sentences;
use crate::words::{Stems, concepts, is_russian};

/// Length of an answer in characters, frame and marks included.
pub const ANSWER_CHARS_MAX: usize = 900;
/// Sentences of an answer.
const SENTENCES_MAX: usize = 4;
/// Passages that are read.
const PASSAGES_MAX: usize = 20;
/// Share of the question's weight that the best sentence must carry for an answer.
const COVERAGE_MIN: f64 = 0.4;
/// Further sentences must be at least so good, measured by the best.
const FOLLOWER_MIN: f64 = 0.75;
/// What a word in the heading over a sentence counts against one in the sentence.
const HEADING_WEIGHT: f64 = 0.6;
/// What a word that only means the same counts, against the very word.
const CONCEPT_WEIGHT: f64 = 0.7;
/// A sentence that shares so much of its words with a chosen one says the same.
const SAME_WORDS_MIN: f64 = 0.7;
/// A sentence is cut to this many characters.
const SENTENCE_CHARS_MAX: usize = 350;

/// A passage as the search ranked it, the best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedPassage<'a> {
    /// The passage's own text; citations point into it.
    pub text: &'a str,
    /// Headings over it, the highest first.
    pub headings: &'a [String],
}

/// How sure the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nothing fits: the text says so.
    Low,
    /// Sentences of the material answer the question's words.
    Found,
}

/// A passage that an answer leans on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The number in the text: `[1]`. They rise from 1 in the order of the text.
    pub mark: u32,
    /// Index of the passage in the ranked list.
    pub passage: usize,
    /// What was quoted, in UTF-8 bytes of the passage's text, in order.
    pub quotes: Vec<Range<usize>>,
}

/// What the built-in answerer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractiveAnswer {
    /// At most [`ANSWER_CHARS_MAX`] characters, in the language of the question, with marks like `[1]`.
    pub text: String,
    /// Empty when the confidence is low.
    pub citations: Vec<Citation>,
    /// Whether the material answers.
    pub confidence: Confidence,
}

/// Answers a question from passages.
///
/// `readings` are other readings of the question (see [`crate::variants`]): what was typed in the wrong layout
/// is compared as it was meant. The language is that of the reading that fits the material best.
pub fn answer(question: &str, readings: &[&str], passages: &[RankedPassage<'_>]) -> ExtractiveAnswer {
    let stems = Stems::default();
    let candidates = candidates(passages, &stems);
    let weights = Weights::of(&candidates);
    let mut best: Option<(f64, &str, Vec<usize>)> = None;
    for reading in std::iter::once(question).chain(readings.iter().copied()) {
        let terms: BTreeSet<String> = stems.of(reading).into_iter().collect();
        let (score, chosen) = choose(&terms, &candidates, &weights);
        // The question itself wins over a reading that does no better.
        if best.as_ref().is_none_or(|(other, ..)| score > *other) {
            best = Some((score, reading, chosen));
        }
    }
    let (score, reading, chosen) = best.unwrap_or((0.0, question, Vec::new()));
    if chosen.is_empty() || score < COVERAGE_MIN {
        return nothing_found(question, readings);
    }
    compose(is_russian(reading), &chosen, &candidates, passages)
}

/// A sentence that may be quoted.
struct Candidate {
    passage: usize,
    range: Range<usize>,
    stems: BTreeSet<String>,
    heading_stems: BTreeSet<String>,
    concepts: BTreeSet<usize>,
    is_question: bool,
}

fn candidates(passages: &[RankedPassage<'_>], stems: &Stems) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, passage) in passages.iter().take(PASSAGES_MAX).enumerate() {
        let mut heading_stems: BTreeSet<String> =
            passage.headings.iter().flat_map(|heading| stems.of(heading)).collect();
        let mut start = 0;
        for block in blocks(passage.text) {
            let line = passage.text.get(block.clone()).unwrap_or_default();
            if line.starts_with('#') {
                heading_stems.extend(stems.of(line));
                continue;
            }
            for sentence in sentences::ranges(line) {
                let range = clip(passage.text, block.start + sentence.start..block.start + sentence.end);
                let text = passage.text.get(range.clone()).unwrap_or_default();
                // Rules of tables and lone marks hold no word.
                if text.chars().any(char::is_alphanumeric) && range.start >= start {
                    start = range.end;
                    found.push(Candidate {
                        passage: index,
                        stems: stems.of(text).into_iter().collect(),
                        heading_stems: heading_stems.clone(),
                        concepts: concepts(text).collect(),
                        is_question: text.ends_with('?'),
                        range,
                    });
                }
            }
        }
    }
    found
}

/// Paragraphs: lines that belong together, list items and headings each for themselves.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut at, mut is_open) = (0, false);
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        let end = start + content.len();
        at += line.len();
        let stands_alone = content.starts_with(['#', '|', '-', '•', '*', '–', '—'])
            || content.contains("; ") && content.contains(": ");
        match found.last_mut() {
            Some(last) if is_open && !stands_alone && !content.is_empty() => last.end = end,
            _ if !content.is_empty() => found.push(start..end),
            _ => {}
        }
        is_open = !content.is_empty() && !content.starts_with('#');
    }
    found
}

fn clip(text: &str, range: Range<usize>) -> Range<usize> {
    let body = text.get(range.clone()).unwrap_or_default();
    match body.char_indices().nth(SENTENCE_CHARS_MAX) {
        None => range,
        Some((limit, _)) => {
            let head = body.get(..limit).unwrap_or_default();
            let end = head.rfind(char::is_whitespace).unwrap_or(limit);
            range.start..range.start + end
        }
    }
}

/// What each stem is worth: rare ones among the candidates tell sentences apart.
struct Weights {
    by_stem: BTreeMap<String, f64>,
    unseen: f64,
}

impl Weights {
    fn of(candidates: &[Candidate]) -> Self {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for candidate in candidates {
            for stem in candidate.stems.union(&candidate.heading_stems) {
                *counts.entry(stem.clone()).or_default() += 1;
            }
        }
        let total = f64::from(u32::try_from(candidates.len()).unwrap_or(u32::MAX));
        let weight = |count: f64| ((total + 1.0) / (count + 0.5)).ln_1p();
        Self {
            by_stem: counts.into_iter().map(|(stem, count)| (stem, weight(f64::from(count)))).collect(),
            // A word that the material lacks weighs as a middling one: else one unknown name would veto all.
            unseen: weight((total / 4.0).max(1.0)),
        }
    }

    fn get(&self, stem: &str) -> f64 {
        self.by_stem.get(stem).copied().unwrap_or(self.unseen)
    }
}

/// The best coverage of the terms and the sentences to quote, in the order in which they are to be read.
fn choose(terms: &BTreeSet<String>, candidates: &[Candidate], weights: &Weights) -> (f64, Vec<usize>) {
    let total: f64 = terms.iter().map(|term| weights.get(term)).sum();
    if total <= 0.0 {
        return (0.0, Vec::new());
    }
    let coverage = |candidate: &Candidate| {
        let sum: f64 = terms
            .iter()
            .map(|term| {
                if has(&candidate.stems, term) {
                    weights.get(term)
                } else if concepts(term).any(|concept| candidate.concepts.contains(&concept)) {
                    CONCEPT_WEIGHT * weights.get(term)
                } else if has(&candidate.heading_stems, term) {
                    HEADING_WEIGHT * weights.get(term)
                } else {
                    0.0
                }
            })
            .sum();
        sum / total
    };
    let mut scored: Vec<(usize, f64)> = candidates
        .iter()
        .enumerate()
        .map(|(index, candidate)| {
            let rank = f64::from(u32::try_from(candidate.passage).unwrap_or(u32::MAX));
            (index, coverage(candidate) * (1.0 + 0.3 / (1.0 + rank)))
        })
        .collect();
    // Stable: the earlier of equals stays first.
    scored.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let Some((_, top)) = scored.first().copied() else {
        return (0.0, Vec::new());
    };
    let best_coverage = candidates.iter().map(coverage).fold(0.0, f64::max);
    let mut chosen: Vec<usize> = Vec::new();
    for (index, _) in scored.into_iter().take_while(|(_, score)| *score > 0.0 && *score >= top * FOLLOWER_MIN) {
        for index in with_follower(index, candidates) {
            if chosen.len() < SENTENCES_MAX && !says_the_same(index, &chosen, candidates) {
                chosen.push(index);
            }
        }
    }
    (best_coverage, chosen)
}

/// The answer to a question of the material is the sentence after it; a list hangs on the line with the colon.
fn with_follower(index: usize, candidates: &[Candidate]) -> Vec<usize> {
    let Some(candidate) = candidates.get(index) else {
        return Vec::new();
    };
    let follower = candidates
        .get(index + 1)
        .filter(|next| next.passage == candidate.passage && !next.is_question)
        .map(|_| index + 1);
    match follower {
        Some(next) if candidate.is_question => vec![next],
        // A question without its answer is no answer.
        None if candidate.is_question => Vec::new(),
        Some(next) if candidate.stems.len() <= 2 => vec![index, next],
        _ => vec![index],
    }
}

fn says_the_same(index: usize, chosen: &[usize], candidates: &[Candidate]) -> bool {
    let Some(candidate) = candidates.get(index) else {
        return true;
    };
    chosen.iter().filter_map(|other| candidates.get(*other)).any(|other| {
        let common =
            ratio(candidate.stems.intersection(&other.stems).count(), candidate.stems.union(&other.stems).count());
        (candidate.passage, &candidate.range) == (other.passage, &other.range) || common >= SAME_WORDS_MIN
    })
}

fn ratio(part: usize, whole: usize) -> f64 {
    let as_f64 = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { as_f64(part) / as_f64(whole) }
}

/// Equal, or one the beginning of the other and long: stems of one root differ in their suffix.
fn has(stems: &BTreeSet<String>, term: &str) -> bool {
    stems.contains(term)
        || stems.iter().any(|stem| {
            let (short, long) = if stem.len() < term.len() { (stem.as_str(), term) } else { (term, stem.as_str()) };
            let length = short.chars().count();
            length >= 5 && long.starts_with(short) && long.chars().count() <= length + 3
        })
}

fn compose(
    russian: bool,
    chosen: &[usize],
    candidates: &[Candidate],
    passages: &[RankedPassage<'_>],
) -> ExtractiveAnswer {
    let mut text =
        if russian { "По материалам компании:" } else { "From the company's materials:" }.to_owned();
    let mut citations: Vec<Citation> = Vec::new();
    for candidate in chosen.iter().filter_map(|index| candidates.get(*index)) {
        let Some(quote) = passages.get(candidate.passage).and_then(|passage| passage.text.get(candidate.range.clone()))
        else {
            continue;
        };
        let known = citations.iter().position(|citation| citation.passage == candidate.passage);
        let mark = u32::try_from(known.unwrap_or(citations.len()) + 1).unwrap_or(u32::MAX);
        let sentence = format!(" {} [{mark}]", spoken(quote));
        if text.chars().count() + sentence.chars().count() > ANSWER_CHARS_MAX {
            continue;
        }
        text.push_str(&sentence);
        match known.and_then(|index| citations.get_mut(index)) {
            Some(citation) => {
                citation.quotes.push(candidate.range.clone());
                citation.quotes.sort_by_key(|quote| quote.start);
            }
            None => {
                citations.push(Citation { mark, passage: candidate.passage, quotes: vec![candidate.range.clone()] })
            }
        }
    }
    ExtractiveAnswer { text, citations, confidence: Confidence::Found }
}

/// A quote within running text: one line, no list mark, no table bars, no mark that would look like a citation.
fn spoken(quote: &str) -> String {
    let bare = quote.trim_start_matches(['-', '•', '*', '–', '—', '|', ' ']).trim_end_matches(['|', ' ']);
    let line = bare.replace('|', "—").replace('[', "(").replace(']', ")");
    let mut line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if !line.ends_with(['.', '!', '?', '…', ':', ';', ')', '»']) {
        line.push('.');
    }
    line
}

fn nothing_found(question: &str, readings: &[&str]) -> ExtractiveAnswer {
    // A greeting in the wrong layout is Russian as well.
    let russian = is_russian(question) || readings.iter().any(|reading| is_russian(reading));
    let text = if russian {
        "Не нашёл ответа в базе знаний компании. Переформулируйте вопрос или дождитесь ответа сотрудника."
    } else {
        "I found no answer in the company's knowledge base. Please rephrase the question or wait for a colleague to reply."
    };
    ExtractiveAnswer { text: text.to_owned(), citations: Vec::new(), confidence: Confidence::Low }
}

#[cfg(test)]
#[path = "extractive/tests.rs"]
mod tests;
