//! The OpenAI face's rules: which dialogue a list of messages belongs to, and what of it is new.
//!
//! Its callers send the whole dialogue each time and no id. A dialogue's key is what stays the same from call to call: the
//! caller's key, their `user`, and everything before the first reply. Several dialogues may begin alike; the one whose
//! stored messages are the longest beginning of the list is meant.

use neipix_proto::assistants::v1::{DialogueMessage, DialogueRole};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Who says a message of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `system` and `developer`: below the owner's instruction.
    System,
    /// The customer.
    User,
    /// The assistant, as the caller remembers it.
    Assistant,
}

/// A message of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub role: Role,
    /// What.
    pub text: String,
}

/// Why a list of messages is no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nothing to answer.
    #[error("the last message must be of the role user")]
    NotAQuestion,
    /// An empty one.
    #[error("the last message must not be empty")]
    Empty,
}

/// The key of a dialogue: 32 hexadecimal digits.
#[must_use]
pub fn conversation_key(key: &str, user: &str, given: &str, messages: &[Said]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(key);
    add(user);
    add(given);
    if given.is_empty() {
        for said in messages.iter().take_while(|m| m.role != Role::Assistant) {
            add(match said.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            });
            add(said.text.trim());
        }
    }
    hex::encode(&hash.finalize()[..16])
}

/// Words of the caller that go below the owner's instruction.
#[must_use]
pub fn caller_instruction(messages: &[Said]) -> String {
    let texts: Vec<&str> = messages.iter().filter(|m| m.role == Role::System).map(|m| m.text.trim()).collect();
    let all: String = texts.join("\n\n");
    all.chars().take(20_000).collect()
}

/// The dialogue without its instructions, split into what lies before the question and the question: the customer's
/// messages after the last reply.
///
/// # Errors
/// The list does not end with a question.
pub fn question(messages: &[Said]) -> Result<(Vec<Said>, Vec<String>), AskError> {
    let talk: Vec<Said> = messages.iter().filter(|m| m.role != Role::System).cloned().collect();
    match talk.last() {
        Some(last) if last.role == Role::User && last.text.trim().is_empty() => return Err(AskError::Empty),
        Some(last) if last.role == Role::User => {}
        _ => return Err(AskError::NotAQuestion),
    }
    let begins = talk.iter().rposition(|m| m.role == Role::Assistant).map_or(0, |at| at + 1);
    let question = talk[begins..].iter().map(|m| m.text.clone()).filter(|text| !text.trim().is_empty());
    Ok((talk[..begins].to_vec(), question.collect()))
}

/// The hash of a dialogue up to and with a question; what a later call's beginning is compared with.
#[must_use]
pub fn prefix(before: &[Said], question: &[String]) -> String {
    let mut hash = Sha256::new();
    let mut add = |role: &str, text: &str| {
        hash.update(role);
        hash.update((text.trim().len() as u64).to_be_bytes());
        hash.update(text.trim().as_bytes());
    };
    // A reply without words is one that was not given.
    for said in before.iter().filter(|s| !s.text.trim().is_empty()) {
        add(if said.role == Role::Assistant { "a" } else { "u" }, &said.text);
    }
    for text in question.iter().filter(|t| !t.trim().is_empty()) {
        add("u", text);
    }
    hex::encode(&hash.finalize()[..16])
}

/// Whether a list goes on with a stored dialogue: everything before its last replies is what was asked there, and the
/// replies are the stored answer, or none where nothing was answered.
#[must_use]
pub fn continues(stored_prefix: &str, stored_answer: &str, before: &[Said]) -> bool {
    let asked = before.iter().rposition(|s| s.role == Role::User).map_or(0, |at| at + 1);
    let replies: Vec<&str> = before[asked..].iter().map(|s| s.text.trim()).filter(|t| !t.is_empty()).collect();
    let same = match replies.as_slice() {
        [] => stored_answer.trim().is_empty(),
        [one] => *one == stored_answer.trim(),
        _ => false,
    };
    same && prefix(&before[..asked], &[]) == stored_prefix
}

/// What a caller of the OpenAI face sends beside the question; kept with the turn, so that any worker can answer it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    /// Creativity.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Longest answer in tokens.
    pub max_output_tokens: Option<i32>,
    /// Goes below the owner's instruction.
    pub instruction: String,
    /// The dialogue before the question: whether the assistant said it, and the words.
    pub before: Vec<(bool, String)>,
    /// See `prefix`.
    pub prefix: String,
}

/// Messages before a question that are kept; an answer sees no more than its budget of them.
const BEFORE_MOST: usize = 100;

impl Overrides {
    /// Keeps the end of a dialogue.
    pub fn keep_before(&mut self, before: &[Said]) {
        let skipped = before.len().saturating_sub(BEFORE_MOST);
        let kept = before[skipped..].iter().filter(|s| !s.text.trim().is_empty());
        self.before = kept.map(|s| (s.role == Role::Assistant, s.text.clone())).collect();
    }

    /// As the assistant reads it.
    #[must_use]
    pub fn history(&self) -> Vec<DialogueMessage> {
        let role = |assistant: bool| if assistant { DialogueRole::Assistant } else { DialogueRole::Customer };
        self.before
            .iter()
            .map(|(assistant, text)| DialogueMessage { role: role(*assistant).into(), text: text.clone() })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(all: &[(char, &str)]) -> Vec<Said> {
        let role = |c| match c {
            's' => Role::System,
            'a' => Role::Assistant,
            _ => Role::User,
        };
        all.iter().map(|(c, text)| Said { role: role(*c), text: (*text).to_owned() }).collect()
    }

    #[test]
    fn a_dialogue_keeps_its_key_as_it_grows() {
        let first = said(&[('s', "Be brief."), ('u', "Привет")]);
        let later = said(&[('s', "Be brief."), ('u', "Привет"), ('a', "Здравствуйте"), ('u', "Цена?")]);
        assert_eq!(conversation_key("k", "", "", &first), conversation_key("k", "", "", &later));
        assert_ne!(conversation_key("k", "", "", &first), conversation_key("other", "", "", &first));
        assert_ne!(conversation_key("k", "anna", "", &first), conversation_key("k", "", "", &first));
        assert_eq!(conversation_key("k", "", "c1", &first), conversation_key("k", "", "c1", &said(&[('u', "x")])));
    }

    #[test]
    fn only_a_list_that_goes_on_with_a_dialogue_joins_it() {
        let asked = prefix(&[], &["Привет".to_owned()]);
        let goes_on = |talk: &[(char, &str)], answer: &str| {
            let (before, _) = question(&said(talk)).unwrap();
            continues(&asked, answer, &before)
        };
        assert!(goes_on(&[('u', "Привет"), ('a', "Здравствуйте "), ('u', "Цена?")], "Здравствуйте"));
        assert!(!goes_on(&[('u', "Привет"), ('a', "Нет"), ('u', "Цена?")], "Здравствуйте"), "a changed reply");
        assert!(!goes_on(&[('u', "Пока"), ('a', "Здравствуйте"), ('u', "Цена?")], "Здравствуйте"), "other words");
        assert!(goes_on(&[('u', "Привет"), ('a', ""), ('u', "Ау?")], ""), "nothing was answered");
        assert!(!goes_on(&[('u', "Привет")], "Здравствуйте"), "a dialogue that begins alike");
    }

    #[test]
    fn the_question_is_what_follows_the_last_reply() {
        let talk = said(&[('s', "x"), ('u', "a"), ('a', "b"), ('u', "c"), ('s', "y"), ('u', "d")]);
        let (before, question_) = question(&talk).unwrap();
        assert_eq!((before.len(), question_), (2, vec!["c".to_owned(), "d".to_owned()]));
        assert_eq!(question(&said(&[('u', "a"), ('a', "b")])), Err(AskError::NotAQuestion));
        assert_eq!(question(&said(&[('u', " ")])), Err(AskError::Empty));
        assert_eq!(caller_instruction(&talk), "x\n\ny");
    }

    proptest! {
        #[test]
        fn a_dialogue_that_grows_is_always_recognised(texts in proptest::collection::vec("[a-z]{1,5}", 1..8), answer in "[a-z]{1,5}") {
            let mut talk: Vec<Said> = texts.iter().enumerate()
                .map(|(n, t)| Said { role: if n % 2 == 0 { Role::User } else { Role::Assistant }, text: t.clone() })
                .collect();
            if talk.last().is_some_and(|s| s.role == Role::Assistant) {
                talk.pop();
            }
            let (before, asked) = question(&talk).unwrap();
            let stored = prefix(&before, &asked);
            talk.push(Said { role: Role::Assistant, text: answer.clone() });
            talk.push(Said { role: Role::User, text: "next".to_owned() });
            let (before, _) = question(&talk).unwrap();
            prop_assert!(continues(&stored, &answer, &before));
            let other = format!("{answer}x");
            prop_assert!(!continues(&stored, &other, &before));
        }
    }
}
