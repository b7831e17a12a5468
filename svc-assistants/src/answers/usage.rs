//! Tokens that money hangs on: a provider's numbers are believed only where they can be true.

use neipix_proto::assistants::v1::Usage as Wire;

use super::prompt::tokens_of;
use crate::openai;

/// What is charged, and why the provider's numbers were not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What is charged.
    pub usage: Wire,
    /// Set where our own count is used instead.
    pub doubt: Option<&'static str>,
}

/// Judges a provider's numbers by what was sent and what came.
///
/// A token holds at least a tenth of a character's worth of text in no tokenizer we know, and at most ten characters; numbers
/// outside of that are no count of this text. Output may hold hidden reasoning, but never more than was allowed.
#[must_use]
pub fn judge(reported: Option<openai::Usage>, prompt_chars: usize, answer_chars: usize, output_max: i32) -> Judged {
    match reported {
        None => counted(prompt_chars, answer_chars, "none was reported"),
        Some(usage) => match doubt(&usage, prompt_chars, answer_chars, output_max) {
            Some(why) => counted(prompt_chars, answer_chars, why),
            None => Judged {
                usage: Wire {
                    input_tokens: usage.input,
                    cached_input_tokens: usage.cached,
                    cache_write_tokens: usage.cache_write,
                    output_tokens: usage.output,
                    estimated: false,
                },
                doubt: None,
            },
        },
    }
}

fn doubt(usage: &openai::Usage, prompt_chars: usize, answer_chars: usize, output_max: i32) -> Option<&'static str> {
    let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (prompt, answer) = (whole(prompt_chars), whole(answer_chars));
    if usage.input < 0 || usage.cached < 0 || usage.cache_write < 0 || usage.output < 0 {
        return Some("a negative number");
    }
    let read = usage.input.saturating_add(usage.cached).saturating_add(usage.cache_write);
    // Templates of chat models add some tokens to each message.
    if read > prompt.saturating_mul(2).saturating_add(1_000) || read < prompt / 12 {
        return Some("input far from the prompt's length");
    }
    let allowed = i64::from(output_max).saturating_add(i64::from(output_max) / 10).saturating_add(16);
    if usage.output > allowed.max(answer.saturating_mul(2)) || usage.output < answer / 12 {
        return Some("output far from the answer's length");
    }
    None
}

/// Our own count, for what no provider counted.
fn counted(prompt_chars: usize, answer_chars: usize, doubt: &'static str) -> Judged {
    let usage = Wire {
        input_tokens: tokens_of(prompt_chars),
        output_tokens: tokens_of(answer_chars),
        estimated: true,
        ..Wire::default()
    };
    Judged { usage, doubt: Some(doubt) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(input: i64, cached: i64, output: i64) -> Judged {
        judge(Some(openai::Usage { input, cached, cache_write: 0, output }), 2_200, 220, 700)
    }

    #[test]
    fn plausible_numbers_are_charged_as_they_are() {
        let good = judged(300, 200, 60);
        assert_eq!((good.doubt, good.usage.input_tokens, good.usage.cached_input_tokens), (None, 300, 200));
        assert!(!good.usage.estimated);
        assert_eq!(judged(500, 0, 700).doubt, None, "hidden reasoning up to the limit");
    }

    #[test]
    fn impossible_numbers_are_replaced_by_our_count() {
        for bad in [
            judged(-1, 0, 60),
            judged(500, 0, -5),
            judged(0, 0, 60),
            judged(1_000_000, 0, 60),
            judged(500, 0, 0),
            judged(500, 0, 9_000),
        ] {
            assert!(bad.doubt.is_some());
            let expected = Wire { input_tokens: 1_000, output_tokens: 100, estimated: true, ..Wire::default() };
            assert_eq!(bad.usage, expected);
        }
        assert_eq!(judge(None, 2_200, 220, 700).usage.input_tokens, 1_000);
    }
}
