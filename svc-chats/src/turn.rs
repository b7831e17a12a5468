//! The turn: states, what may follow what, and the words for every turn that stays silent.
//!
//! Pure.

/// How far a turn got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits.
    Queued,
    /// Money is reserved.
    Held,
    /// Is being answered.
    Answering,
    /// The answer is stored.
    Stored,
    /// The answer is paid.
    Settled,
    /// The customer has it.
    Delivered,
    /// Nothing is said.
    Skipped,
    /// Stopped before it was said.
    Cancelled,
    /// Went wrong.
    Failed,
}

const ALL: [State; 9] = [
    State::Queued,
    State::Held,
    State::Answering,
    State::Stored,
    State::Settled,
    State::Delivered,
    State::Skipped,
    State::Cancelled,
    State::Failed,
];

impl State {
    /// As it lies in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Answering => "answering",
            Self::Stored => "stored",
            Self::Settled => "settled",
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// By name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether `next` may follow; the graph of the contract.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use State as S;
        matches!(
            (self, next),
            (S::Queued, S::Queued | S::Held | S::Skipped | S::Cancelled | S::Failed)
                | (S::Held, S::Answering | S::Cancelled | S::Failed)
                // A worker's death starts the answer over.
                | (S::Answering, S::Answering | S::Stored | S::Cancelled | S::Failed)
                | (S::Stored, S::Settled)
                | (S::Settled, S::Delivered)
        )
    }
}

/// The words for a reason, in Russian and English; the reason itself where it is not known.
#[must_use]
pub fn words(state: &str, reason: &str) -> (String, String) {
    let found = match reason {
        "" => ("", ""),
        "operator" => ("Отвечает оператор", "An operator answers"),
        "schedule" => ("Сейчас нерабочее время ассистента", "The assistant is outside its working hours"),
        "stop_word" => ("Сработало стоп-слово", "A stop word matched"),
        "no_funds" => ("На балансе не хватает pix", "The wallet has too few pix"),
        "paused" => ("Ассистент на паузе", "The assistant is paused"),
        "not_published" => ("Ассистент ещё не опубликован", "The assistant is not published yet"),
        "unpriced" => ("У модели нет цены", "The model has no price"),
        "nobody" => ("Диалог ждёт человека", "The dialogue waits for a person"),
        "take_over" => ("Диалог забрал оператор", "An operator took over"),
        "handoff" => ("Диалог передан человеку", "The dialogue was handed to a person"),
        "closed" => ("Диалог закрыт", "The dialogue was closed"),
        "billing_unavailable" => {
            ("Биллинг не отвечал, диалог передан человеку", "Billing did not answer; a person takes over")
        }
        "timeout" => ("Ответ не успел за отведённое время", "The answer took too long"),
        "interrupted" => ("Ответ оборвался", "The answer broke off"),
        "internal" => ("Внутренняя ошибка", "Internal error"),
        _ => return (format!("{state}: {reason}"), format!("{state}: {reason}")),
    };
    (found.0.to_owned(), found.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_8_only_the_graph_of_the_contract_is_walked() {
        use State as S;
        assert!(S::Queued.may_become(S::Skipped) && S::Stored.may_become(S::Settled));
        for (from, to) in [
            (S::Stored, S::Cancelled),
            (S::Stored, S::Failed),
            (S::Settled, S::Stored),
            (S::Delivered, S::Queued),
            (S::Skipped, S::Held),
            (S::Held, S::Skipped),
        ] {
            assert!(!from.may_become(to), "{from:?} → {to:?}");
        }
    }

    #[test]
    fn every_silence_has_words_in_both_languages() {
        for reason in ["operator", "schedule", "stop_word", "no_funds", "paused", "unpriced", "take_over", "timeout"] {
            let (ru, en) = words("skipped", reason);
            assert!(ru.chars().any(|c| ('а'..='я').contains(&c)) && en.is_ascii(), "{reason}");
        }
    }
}
