//! Stop words: by word form, phrase or regular expression, on texts that may try to hide them.
//!
//! Letters that look alike in Latin and Cyrillic are one letter, ё is е, marks that nobody sees are nothing. A word is
//! compared by its stem, in Russian and in English, so that «жалобы» meets «жалоба».

use std::collections::HashSet;

use neipix_proto::assistants::v1::{self as proto, StopWordAction, StopWordMatch};
use regex::{Regex, RegexBuilder};
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;

/// Most bytes of a compiled expression.
const REGEX_BYTES: usize = 1 << 18;

/// What a matching stop word does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing is answered.
    Silent,
    /// A person takes over.
    Handoff,
    /// This is said instead.
    FixedReply(String),
}

/// A word in its two readings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Word {
    cyrillic: String,
    latin: String,
}

#[derive(Debug)]
enum Pattern {
    Word(HashSet<String>),
    Phrase(Vec<Word>),
    Regex(Regex),
}

#[derive(Debug)]
struct StopWord {
    place: usize,
    pattern: Pattern,
    action: Action,
    check_answer: bool,
}

/// A stop word that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met<'a> {
    /// Its place in the version's list, from 0.
    pub place: usize,
    /// What it does.
    pub action: &'a Action,
}

/// The stop words of a version, compiled.
#[derive(Debug, Default)]
pub struct StopWords(Vec<StopWord>);

/// A stop word that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("stop word {n} cannot be used: {what}")]
pub struct StopWordError {
    /// Its place, from 1.
    pub n: usize,
    /// What is wrong.
    pub what: String,
}

impl StopWords {
    /// Compiles them. Those that cannot be compiled, which cannot be saved either, are left out and told.
    pub fn of(words: &[proto::StopWord]) -> (Self, Vec<StopWordError>) {
        let (mut good, mut bad) = (vec![], vec![]);
        for (n, word) in words.iter().enumerate() {
            match compile(n, word) {
                Ok(word) => good.push(word),
                Err(what) => bad.push(StopWordError { n: n + 1, what }),
            }
        }
        (Self(good), bad)
    }

    /// The first one that is met in a customer's text.
    #[must_use]
    pub fn find_in_question(&self, text: &str) -> Option<Met<'_>> {
        let text = Text::of(text);
        self.0.iter().find(|word| word.pattern.is_in(&text)).map(StopWord::met)
    }

    /// The first one that is met in the assistant's own answer; only of stop words that check answers.
    #[must_use]
    pub fn find_in_answer(&self, text: &str) -> Option<Met<'_>> {
        let text = Text::of(text);
        self.0.iter().filter(|word| word.check_answer).find(|word| word.pattern.is_in(&text)).map(StopWord::met)
    }

    /// What the first match in a customer's text does.
    #[must_use]
    pub fn in_question(&self, text: &str) -> Option<&Action> {
        self.find_in_question(text).map(|met| met.action)
    }

    /// What the first match in the assistant's own answer does; only of stop words that check answers.
    #[must_use]
    pub fn in_answer(&self, text: &str) -> Option<&Action> {
        self.find_in_answer(text).map(|met| met.action)
    }

    /// Whether any of them checks answers: then nothing of an answer is streamed.
    #[must_use]
    pub fn check_answers(&self) -> bool {
        self.0.iter().any(|word| word.check_answer)
    }
}

impl StopWord {
    fn met(&self) -> Met<'_> {
        Met { place: self.place, action: &self.action }
    }
}

fn compile(place: usize, word: &proto::StopWord) -> Result<StopWord, String> {
    let words = || words(&visible(&word.pattern));
    let pattern = match word.r#match() {
        StopWordMatch::Regex => Pattern::Regex(regex(&word.pattern)?),
        StopWordMatch::Phrase => Pattern::Phrase(words()),
        StopWordMatch::WordForm | StopWordMatch::Unspecified => {
            let list = words();
            match list.as_slice() {
                [one] => Pattern::Word(stems(one)),
                _ => Pattern::Phrase(list),
            }
        }
    };
    if matches!(&pattern, Pattern::Phrase(words) if words.is_empty()) {
        return Err("it has no letters or digits".to_owned());
    }
    let action = match word.action() {
        StopWordAction::Handoff => Action::Handoff,
        StopWordAction::FixedReply if !word.reply.is_empty() => Action::FixedReply(word.reply.clone()),
        StopWordAction::FixedReply | StopWordAction::Silent | StopWordAction::Unspecified => Action::Silent,
    };
    Ok(StopWord { place, pattern, action, check_answer: word.check_answer })
}

/// Compiles an expression within limits; ё in it means е.
///
/// # Errors
/// What is wrong, in words.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&pattern.replace('ё', "е").replace('Ё', "Е"))
        .case_insensitive(true)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => format!("the expression needs more than {limit} bytes"),
            other => other.to_string(),
        })
}

/// A text in the readings that patterns are looked for in.
struct Text {
    plain: String,
    words: Vec<Word>,
}

impl Text {
    fn of(text: &str) -> Self {
        let plain = visible(text);
        let words = words(&plain);
        Self { plain, words }
    }
}

impl Pattern {
    fn is_in(&self, text: &Text) -> bool {
        match self {
            Self::Word(wanted) => text.words.iter().any(|word| !stems(word).is_disjoint(wanted)),
            Self::Phrase(wanted) => text
                .words
                .windows(wanted.len())
                .any(|at| at.iter().zip(wanted).all(|(a, b)| a.cyrillic == b.cyrillic || a.latin == b.latin)),
            Self::Regex(regex) => {
                regex.is_match(&text.plain)
                    || regex.is_match(&text.plain.chars().map(to_cyrillic).collect::<String>())
                    || regex.is_match(&text.plain.chars().map(to_latin).collect::<String>())
            }
        }
    }
}

fn stems(word: &Word) -> HashSet<String> {
    let russian = Stemmer::create(Algorithm::Russian).stem(&word.cyrillic).into_owned();
    let english = Stemmer::create(Algorithm::English).stem(&word.latin).into_owned();
    HashSet::from([russian, english])
}

/// Lower case, compatibility forms, without marks that nobody sees.
fn visible(text: &str) -> String {
    let shown: String = text.nfkd().filter(|c| !is_hidden(*c)).collect();
    // й is one letter, ё is е: taken apart above, й is put together again and ё stays without its dots.
    shown.nfc().flat_map(char::to_lowercase).map(|c| if c == 'ё' { 'е' } else { c }).collect()
}

fn is_hidden(c: char) -> bool {
    // Combining marks but the breve of й.
    matches!(c, '\u{300}'..='\u{305}' | '\u{307}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{ad}' | '\u{61c}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn words(text: &str) -> Vec<Word> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| Word {
            cyrillic: word.chars().map(to_cyrillic).collect(),
            latin: word.chars().map(to_latin).collect(),
        })
        .collect()
}

/// Letters that look alike, Latin first; lower case.
const ALIKE: &[(char, char)] = &[
    ('a', 'а'),
    ('b', 'в'),
    ('c', 'с'),
    ('e', 'е'),
    ('h', 'н'),
    ('i', 'і'),
    ('j', 'ј'),
    ('k', 'к'),
    ('m', 'м'),
    ('o', 'о'),
    ('p', 'р'),
    ('s', 'ѕ'),
    ('t', 'т'),
    ('x', 'х'),
    ('y', 'у'),
    ('0', 'о'),
    ('3', 'з'),
];

fn to_cyrillic(c: char) -> char {
    ALIKE.iter().find(|(latin, _)| *latin == c).map_or(c, |(_, cyrillic)| *cyrillic)
}

fn to_latin(c: char) -> char {
    ALIKE.iter().find(|(_, cyrillic)| *cyrillic == c).map_or(c, |(latin, _)| *latin)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(pattern: &str, kind: StopWordMatch, check_answer: bool) -> StopWords {
        let word = proto::StopWord {
            pattern: pattern.to_owned(),
            r#match: kind.into(),
            action: StopWordAction::Handoff.into(),
            reply: String::new(),
            check_answer,
        };
        let (words, bad) = StopWords::of(&[word]);
        assert!(bad.is_empty(), "{bad:?}");
        words
    }

    fn word(pattern: &str) -> StopWords {
        one(pattern, StopWordMatch::WordForm, false)
    }

    #[test]
    fn any_form_of_a_word_matches_and_other_words_do_not() {
        let complaint = word("жалоба");
        for text in ["У меня жалоба!", "две ЖАЛОБЫ", "я о жалобах", "(жалобу)"] {
            assert_eq!(complaint.in_question(text), Some(&Action::Handoff), "{text}");
        }
        for text in ["жаль", "ж а л о б а", "", "жалобщикам"] {
            assert_eq!(complaint.in_question(text), None, "{text}");
        }
        assert!(word("refund").in_question("I want refunds").is_some());
        assert!(word("operator").in_question("Operators, please").is_some());
    }

    #[test]
    fn l_7_look_alikes_hidden_marks_and_yo_do_not_hide_a_word() {
        // trust: L-7
        let complaint = word("жалоба");
        for text in ["жaлoбa", "жа\u{200b}ло\u{ad}ба", "ж\u{301}алоба", "ЖАЛ0БА"] {
            assert!(complaint.in_question(text).is_some(), "{text:?}");
        }
        assert!(word("счёт").in_question("где мой счет").is_some());
        assert!(word("счет").in_question("где мой счёт").is_some());
        assert!(word("casino").in_question("саsinо").is_some(), "Cyrillic letters in a Latin word");
        let phrase = one("верните деньги", StopWordMatch::Phrase, false);
        assert!(phrase.in_question("Немедленно BЕРНИТЕ,   дeньги!").is_some());
        assert!(phrase.in_question("верните мне деньги").is_none());
        let regex = one(r"позов\w+ (человека|оператора)", StopWordMatch::Regex, false);
        assert!(regex.in_question("пoзoвите оператора").is_some());
    }

    #[test]
    fn l_7_an_expression_that_grows_without_end_is_refused() {
        // trust: L-7
        assert!(regex("(.{999}){999}").unwrap_err().contains("bytes"));
        assert!(regex("(").is_err());
        assert!(regex(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_err());
    }

    #[test]
    fn only_marked_stop_words_look_at_answers() {
        assert!(one("скидка", StopWordMatch::WordForm, true).in_answer("Дарим скидку").is_some());
        assert!(one("скидка", StopWordMatch::WordForm, false).in_answer("Дарим скидку").is_none());
    }

    #[test]
    fn a_stop_word_without_letters_is_told() {
        let word = proto::StopWord { pattern: "!!!".to_owned(), r#match: 2, action: 1, ..Default::default() };
        assert_eq!(StopWords::of(&[word]).1.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_match(text in "\\PC{0,200}", pattern in "\\PC{1,30}") {
            let kinds = [StopWordMatch::WordForm, StopWordMatch::Phrase, StopWordMatch::Regex];
            for kind in kinds {
                let word = proto::StopWord { pattern: pattern.clone(), r#match: kind.into(), action: 1, ..Default::default() };
                let (words, _) = StopWords::of(&[word]);
                let _ = words.in_question(&text);
            }
        }

        #[test]
        fn a_word_is_found_wherever_it_stands(before in "[а-я ]{0,20}", word_ in "[а-я]{3,12}", after in "[a-z ]{0,20}") {
            let text = format!("{before} {word_}, {after}");
            prop_assert!(word(&word_).in_question(&text).is_some());
        }
    }
}
