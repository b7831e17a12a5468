//! Why a turn stayed silent or ended early, in words for people.

use neipix_proto::assistants::v1::SilenceReason;

/// Which rule silenced or ended a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A person holds the dialogue.
    Operator,
    /// Outside working hours.
    Schedule,
    /// A stop word matched.
    StopWord,
    /// The wallet is too small.
    NoFunds,
    /// The assistant does not answer at all.
    Paused,
    /// A budget is spent.
    Budget,
    /// No candidate has a price.
    Unpriced,
    /// An operator took over.
    TakeOver,
    /// A person should answer.
    Handoff,
    /// The dialogue was closed.
    Closed,
    /// Billing did not answer for two minutes.
    BillingUnavailable,
    /// The turn's deadline.
    Timeout,
    /// Something broke.
    Internal,
    /// The provider died after the first shown character.
    Interrupted,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Operator,
        Self::Schedule,
        Self::StopWord,
        Self::NoFunds,
        Self::Paused,
        Self::Budget,
        Self::Unpriced,
        Self::TakeOver,
        Self::Handoff,
        Self::Closed,
        Self::BillingUnavailable,
        Self::Timeout,
        Self::Internal,
        Self::Interrupted,
    ];

    /// As it stands in the table and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Schedule => "schedule",
            Self::StopWord => "stop_word",
            Self::NoFunds => "no_funds",
            Self::Paused => "paused",
            Self::Budget => "budget",
            Self::Unpriced => "unpriced",
            Self::TakeOver => "take_over",
            Self::Handoff => "handoff",
            Self::Closed => "closed",
            Self::BillingUnavailable => "billing_unavailable",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
        }
    }

    /// As callers see it.
    #[must_use]
    pub fn to_proto(self) -> SilenceReason {
        match self {
            Self::Operator => SilenceReason::Operator,
            Self::Schedule => SilenceReason::Schedule,
            Self::StopWord => SilenceReason::StopWord,
            Self::NoFunds => SilenceReason::NoFunds,
            Self::Paused => SilenceReason::Paused,
            Self::Budget => SilenceReason::Budget,
            Self::Unpriced => SilenceReason::Unpriced,
            Self::TakeOver => SilenceReason::TakeOver,
            Self::Handoff => SilenceReason::Handoff,
            Self::Closed => SilenceReason::Closed,
            Self::BillingUnavailable => SilenceReason::BillingUnavailable,
            Self::Timeout => SilenceReason::Timeout,
            Self::Internal => SilenceReason::Internal,
            Self::Interrupted => SilenceReason::Interrupted,
        }
    }

    /// From the table; none for an empty text or one of a later version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }

    /// In Russian and in English.
    #[must_use]
    pub fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Operator => ("Диалог ведёт оператор", "A person answers in this dialogue"),
            Self::Schedule => ("Сейчас нерабочее время ассистента", "The assistant is outside its working hours"),
            Self::StopWord => ("Сработало стоп-слово", "A stop word matched"),
            Self::NoFunds => (
                "Не хватает пиксов: пополните кошелёк, диалог ждёт человека",
                "Not enough pix: top up the wallet; the dialogue waits for a person",
            ),
            Self::Paused => ("Ассистент не опубликован или на паузе", "The assistant is not published or is paused"),
            Self::Budget => ("Исчерпан бюджет", "A budget is spent"),
            Self::Unpriced => (
                "Ни у одной модели нет цены: диалог ждёт человека",
                "No model has a price; the dialogue waits for a person",
            ),
            Self::TakeOver => ("Диалог перехватил оператор", "An operator took the dialogue over"),
            Self::Handoff => ("Нужен человек", "A person should answer"),
            Self::Closed => ("Диалог закрыт", "The dialogue was closed"),
            Self::BillingUnavailable => (
                "Биллинг не отвечал две минуты: диалог ждёт человека",
                "Billing did not answer for two minutes; the dialogue waits for a person",
            ),
            Self::Timeout => ("Ответ не успел в срок", "The answer did not come in time"),
            Self::Internal => {
                ("Внутренняя ошибка: диалог ждёт человека", "Internal error; the dialogue waits for a person")
            }
            Self::Interrupted => ("Ответ оборвался на полуслове", "The answer broke off in the middle"),
        }
    }

    /// Whether the gate or Hold's refusal may give it.
    #[must_use]
    pub fn may_skip(self) -> bool {
        matches!(
            self,
            Self::Operator
                | Self::Schedule
                | Self::StopWord
                | Self::NoFunds
                | Self::Paused
                | Self::Budget
                | Self::Unpriced
        )
    }

    /// Whether it may cancel an unclaimed turn.
    #[must_use]
    pub fn may_cancel(self) -> bool {
        matches!(self, Self::TakeOver | Self::Handoff | Self::Closed | Self::StopWord)
    }

    /// Whether it may fail a turn; what was shown to the customer ends in more ways.
    #[must_use]
    pub fn may_fail(self, claimed: bool) -> bool {
        match self {
            Self::BillingUnavailable | Self::Timeout | Self::Internal => true,
            Self::TakeOver | Self::Closed | Self::Interrupted => claimed,
            _ => false,
        }
    }

    /// Whether a person must look at the dialogue after it.
    #[must_use]
    pub fn needs_person(self) -> bool {
        match self {
            Self::NoFunds
            | Self::Unpriced
            | Self::Budget
            | Self::Handoff
            | Self::BillingUnavailable
            | Self::Timeout
            | Self::Internal
            | Self::Interrupted => true,
            Self::Operator | Self::Schedule | Self::StopWord | Self::Paused | Self::TakeOver | Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_in_both_languages_and_reads_back() {
        for reason in Reason::ALL {
            let (ru, en) = reason.texts();
            assert!(!ru.is_empty() && en.is_ascii() && !ru.is_ascii(), "{reason:?}");
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            assert!(reason.may_skip() || reason.may_cancel() || reason.may_fail(true), "{reason:?} is of no use");
        }
        assert_eq!(Reason::parse(""), None);
    }
}
