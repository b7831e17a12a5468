//! A dialogue: where it stands and who answers in it.
//!
//! Every change of who answers opens a new period with the next number. An answer is claimed in a period; a claim in a
//! period that is over, or not the assistant's, fails.

use chrono::{DateTime, TimeDelta, Utc};
use neipix_mesh::UserId;
use neipix_proto::chats::v1 as proto;

/// How long a closed dialogue is opened again by its customer.
const REOPEN_HOURS: i64 = 72;
/// Characters a second that a quick person types; with a start that is given away.
const TYPED_PER_SECOND: i64 = 20;
/// After that many messages faster than a person types, a person takes over.
pub const FAST_TURNS_MAX: i32 = 10;

/// Where a dialogue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Goes on.
    Open,
    /// Waits for a person.
    Pending,
    /// Comes back later.
    Snoozed,
    /// Closed.
    Closed,
}

impl Status {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Snoozed => "snoozed",
            Self::Closed => "closed",
        }
    }

    /// From the table.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "snoozed" => Self::Snoozed,
            "closed" => Self::Closed,
            _ => Self::Open,
        }
    }

    /// As callers see it.
    #[must_use]
    pub fn to_proto(self) -> proto::ConversationStatus {
        match self {
            Self::Open | Self::Snoozed => proto::ConversationStatus::Open,
            Self::Pending => proto::ConversationStatus::Pending,
            Self::Closed => proto::ConversationStatus::Closed,
        }
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// The assistant.
    Assistant,
    /// An operator.
    Operator,
    /// Nobody: waits for a person.
    Nobody,
}

impl Handler {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }

    /// From the table; what it cannot hold reads as nobody, who never answers by mistake.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "assistant" => Self::Assistant,
            "operator" => Self::Operator,
            _ => Self::Nobody,
        }
    }

    /// As callers see it.
    #[must_use]
    pub fn to_proto(self) -> proto::Handler {
        match self {
            Self::Assistant => proto::Handler::Assistant,
            Self::Operator => proto::Handler::Operator,
            Self::Nobody => proto::Handler::Nobody,
        }
    }
}

/// The part of a dialogue that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub status: Status,
    /// Who answers.
    pub handler: Handler,
    /// The operator who holds it.
    pub member: Option<UserId>,
    /// Number of the period.
    pub epoch: i64,
}

impl Standing {
    /// A new dialogue: the assistant answers.
    pub const NEW: Self = Self { status: Status::Open, handler: Handler::Assistant, member: None, epoch: 1 };

    fn handled(self, handler: Handler, member: Option<UserId>, status: Status) -> Self {
        let same = self.handler == handler && self.member == member;
        Self { status, handler, member, epoch: if same { self.epoch } else { self.epoch + 1 } }
    }

    /// An operator takes over, from whomever it is.
    #[must_use]
    pub fn taken_by(self, member: UserId) -> Self {
        self.handled(Handler::Operator, Some(member), Status::Open)
    }

    /// The assistant answers again.
    #[must_use]
    pub fn returned(self) -> Self {
        self.handled(Handler::Assistant, None, Status::Open)
    }

    /// A person must take over. An operator who holds it keeps it.
    #[must_use]
    pub fn to_person(self) -> Self {
        match self.handler {
            Handler::Operator => self,
            Handler::Assistant | Handler::Nobody => self.handled(Handler::Nobody, None, Status::Pending),
        }
    }

    /// Closed; what comes next finds the assistant.
    #[must_use]
    pub fn closed(self) -> Self {
        self.handled(Handler::Assistant, None, Status::Closed)
    }

    /// Waits in the inbox, whoever is in charge.
    #[must_use]
    pub fn pending(self) -> Self {
        Self { status: if self.status == Status::Open { Status::Pending } else { self.status }, ..self }
    }

    /// The assistant answered: nothing waits any more.
    #[must_use]
    pub fn answered(self) -> Self {
        let waits = self.handler == Handler::Assistant && self.status == Status::Pending;
        Self { status: if waits { Status::Open } else { self.status }, ..self }
    }

    /// Whether an answer may be claimed in the period that the turn was started in.
    #[must_use]
    pub fn may_claim(self, epoch: i64) -> bool {
        self.handler == Handler::Assistant && self.epoch == epoch && self.status != Status::Closed
    }
}

/// What a customer's message does with the dialogue that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Goes on.
    Append,
    /// Opens it again.
    Reopen,
    /// Is too late for it: a new one begins.
    Fresh,
}

/// Decides where a message belongs.
#[must_use]
pub fn incoming(status: Status, closed_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Incoming {
    match (status, closed_at) {
        (Status::Closed, Some(at)) if now - at <= TimeDelta::hours(REOPEN_HOURS) => Incoming::Reopen,
        (Status::Closed, _) => Incoming::Fresh,
        (Status::Open | Status::Pending | Status::Snoozed, _) => Incoming::Append,
    }
}

/// Counts messages in a row that came faster after our answer than a person reads and types (C-14).
#[must_use]
pub fn fast_turns(so_far: i32, answered_at: Option<DateTime<Utc>>, text: &str, now: DateTime<Utc>) -> i32 {
    let Some(answered) = answered_at else { return 0 };
    let typed = i64::try_from(text.chars().count()).unwrap_or(i64::MAX / 2_000);
    let person = TimeDelta::milliseconds(500 + typed * 1_000 / TYPED_PER_SECOND);
    if now - answered < person { so_far.saturating_add(1) } else { 0 }
}

/// When the assistant takes a dialogue back from an operator; none: never by itself.
#[must_use]
pub fn auto_return_at(handler: Handler, operator_at: Option<DateTime<Utc>>, minutes: i32) -> Option<DateTime<Utc>> {
    match (handler, operator_at) {
        (Handler::Operator, Some(at)) if minutes > 0 => Some(at + TimeDelta::minutes(i64::from(minutes))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn member(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    #[test]
    fn a_closed_dialogue_opens_again_for_three_days() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let closed = |hours| incoming(Status::Closed, Some(now - TimeDelta::hours(hours)), now);
        assert_eq!(closed(0), Incoming::Reopen);
        assert_eq!(closed(72), Incoming::Reopen);
        assert_eq!(closed(73), Incoming::Fresh);
        assert_eq!(incoming(Status::Pending, None, now), Incoming::Append);
    }

    #[test]
    fn taking_over_ones_own_changes_nothing_and_from_another_opens_a_period() {
        let mine = Standing::NEW.taken_by(member(1));
        assert_eq!(mine, mine.taken_by(member(1)));
        assert_eq!(mine.taken_by(member(2)).epoch, mine.epoch + 1);
        assert_eq!(mine.to_person(), mine, "whoever holds it keeps it");
    }

    #[test]
    fn c_14_two_machines_are_told_from_a_person_by_their_speed() {
        // trust: C-14
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let reply = "Спасибо за ваше обращение, чем ещё я могу вам помочь?";
        let fast = fast_turns(4, Some(now - TimeDelta::milliseconds(700)), reply, now);
        assert_eq!(fast, 5);
        assert_eq!(fast_turns(4, Some(now - TimeDelta::seconds(9)), reply, now), 0);
        assert_eq!(fast_turns(4, Some(now - TimeDelta::milliseconds(700)), "да", now), 0);
        assert_eq!(fast_turns(4, None, reply, now), 0);
    }

    #[derive(Debug, Clone, Copy)]
    enum Move {
        Take(u128),
        Return,
        Person,
        Close,
    }

    proptest! {
        #[test]
        fn inv_9_no_claim_outlives_the_period_that_it_was_made_for(moves in proptest::collection::vec(prop_oneof![
            (1u128..4).prop_map(Move::Take), Just(Move::Return), Just(Move::Person), Just(Move::Close)
        ], 0..30)) {
            // trust: INV-9
            let mut at = Standing::NEW;
            let mut periods = vec![(at.epoch, at.handler)];
            for one in moves {
                let next = match one {
                    Move::Take(n) => at.taken_by(member(n)),
                    Move::Return => at.returned(),
                    Move::Person => at.to_person(),
                    Move::Close => at.closed(),
                };
                prop_assert!(next.epoch == at.epoch || next.epoch == at.epoch + 1);
                prop_assert_eq!(next.epoch == at.epoch, next.handler == at.handler && next.member == at.member);
                prop_assert_eq!(next.handler == Handler::Operator, next.member.is_some());
                if next.epoch > at.epoch {
                    periods.push((next.epoch, next.handler));
                }
                for (epoch, handler) in &periods {
                    prop_assert!(!next.may_claim(*epoch) || *handler == Handler::Assistant);
                }
                at = next;
            }
        }
    }
}
