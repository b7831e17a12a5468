//! A customer's message comes in: one way for the API, Telegram, the widget and the OpenAI face.
//!
//! Deduplicated by the channel's id of it, put into its dialogue under the dialogue's lock, and given to a turn: the one
//! that waits, a new one, or none where a person answers. Acknowledged only after the commit.

pub mod rpc;
mod statement;
pub mod store;

use std::time::Duration;

use chrono::{DateTime, Utc};
use neipix_mesh::{
    AssistantId, ChannelId, ContactId, ConversationId, Failure, MessageId, TurnId, WorkspaceId, crash, db::Tx,
};

use crate::{
    Chats,
    conversation::{self, FAST_TURNS_MAX, Handler, Incoming, Standing, Status},
    retrieval::{self, Sought},
};

/// By what the channel knows the contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `telegram`, `api` or `visitor`.
    pub kind: &'static str,
    /// Empty, the assistant's id, or the widget's key.
    pub scope: String,
    /// The channel's id of the person.
    pub value: String,
    /// Their name; may be empty.
    pub name: String,
}

/// When the turn starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// At once, in this process: somebody waits for the answer.
    Now {
        /// Whether they read it as it is written.
        streamed: bool,
    },
    /// After the customer's last message has been the last for so long.
    After {
        /// How long.
        delay: Duration,
        /// Whether they read it as it is written.
        streamed: bool,
    },
}

impl Timing {
    /// Whether the customer reads the answer as it is written.
    #[must_use]
    pub fn streamed(self) -> bool {
        match self {
            Self::Now { streamed } | Self::After { streamed, .. } => streamed,
        }
    }
}

/// Where the message belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The channel.
    pub channel: ChannelId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// Tells dialogues of one contact apart.
    pub external_key: String,
    /// Where answers go; empty where the channel reads.
    pub address: String,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Where it belongs.
    pub place: Place,
    /// Who wrote.
    pub identity: Identity,
    /// The channel's id of it.
    pub external_id: String,
    /// The channel's number of the update, if it has one.
    pub update_id: Option<i64>,
    /// The words.
    pub text: String,
    /// When the turn starts.
    pub timing: Timing,
    /// The id that the writer's client gave it.
    pub client_id: Option<uuid::Uuid>,
    /// What the turn must know beside its messages (OpenAI face).
    pub request: Option<serde_json::Value>,
    /// SHA-256 of the caller's body with the caller's key (OpenAI face).
    pub ask_key: Option<(uuid::Uuid, Vec<u8>)>,
}

/// The dialogue as it was found and locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The dialogue.
    pub id: ConversationId,
    /// Its contact.
    pub contact: ContactId,
    /// Where it stands.
    pub standing: Standing,
    /// Its last message.
    pub last_seq: i64,
    /// Version of its events.
    pub version: i64,
    /// The assistant's last message.
    pub answered_at: Option<DateTime<Utc>>,
    /// See `conversation::fast_turns`.
    pub fast_turns: i32,
    /// Since when it is closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// The closed period that was answered with the away message.
    pub away_since: Option<DateTime<Utc>>,
}

/// What was found about a message.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// The dialogue that it may belong to.
    pub found: Option<Found>,
    /// The contact, if known.
    pub contact: Option<ContactId>,
    /// The turn that waits in that dialogue.
    pub waiting: Option<TurnId>,
    /// Whether one runs.
    pub running: bool,
    /// The message, if it came before.
    pub known: Option<Known>,
}

/// A message that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The message.
    pub message: MessageId,
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Its turn.
    pub turn: Option<TurnId>,
}

/// What happens to the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnPlan {
    /// A person answers.
    None,
    /// Joins the one that waits.
    Join {
        /// Which.
        turn: TurnId,
        /// Its new delay.
        delay: Duration,
    },
    /// Opens one that waits.
    Queue {
        /// Its delay.
        delay: Duration,
    },
    /// Opens one that starts with this very transaction.
    Start,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whether a dialogue begins; else the found one goes on.
    pub fresh: bool,
    /// Whether a closed one opens again.
    pub reopened: bool,
    /// How the dialogue stands afterwards.
    pub standing: Standing,
    /// Number of the message.
    pub seq: i64,
    /// Messages faster than a person.
    pub fast_turns: i32,
    /// The turn.
    pub turn: TurnPlan,
}

/// Decides, knowing the facts under the dialogue's lock.
#[must_use]
pub fn plan(facts: &Facts, text: &str, timing: Timing) -> Plan {
    let goes_on = facts.found.as_ref().and_then(|found| {
        let incoming = conversation::incoming(found.standing.status, found.closed_at, facts.now);
        (incoming != Incoming::Fresh).then_some((found, incoming == Incoming::Reopen))
    });
    let Some((found, reopened)) = goes_on else {
        let turn = match timing {
            Timing::Now { .. } => TurnPlan::Start,
            Timing::After { delay, .. } => TurnPlan::Queue { delay },
        };
        return Plan { fresh: true, reopened: false, standing: Standing::NEW, seq: 1, fast_turns: 0, turn };
    };
    let mut standing = found.standing;
    if reopened {
        standing.status = Status::Open;
    }
    let fast_turns = conversation::fast_turns(found.fast_turns, found.answered_at, text, facts.now);
    if fast_turns >= FAST_TURNS_MAX && standing.handler == Handler::Assistant {
        standing = standing.to_person();
    }
    let delay = match timing {
        Timing::Now { .. } => Duration::ZERO,
        Timing::After { delay, .. } => delay,
    };
    let turn = match (standing.handler, facts.waiting, facts.running, timing) {
        (Handler::Operator | Handler::Nobody, ..) => TurnPlan::None,
        (Handler::Assistant, Some(turn), ..) => TurnPlan::Join { turn, delay },
        (Handler::Assistant, None, false, Timing::Now { .. }) => TurnPlan::Start,
        (Handler::Assistant, None, ..) => TurnPlan::Queue { delay },
    };
    Plan { fresh: false, reopened, standing, seq: found.last_seq + 1, fast_turns, turn }
}

/// A turn that this process has just started.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The turn.
    pub turn: TurnId,
    /// Whether the caller reads it as it is written.
    pub streamed: bool,
    /// The assistant's period.
    pub handler_epoch: i64,
    /// Number of the message.
    pub seq: i64,
    /// The closed period that was answered before.
    pub away_since: Option<DateTime<Utc>>,
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// Its passages, which are looked for since before the message was stored.
    pub sought: Option<Sought>,
}

/// A message that is stored.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The message.
    pub message: MessageId,
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Its turn; none where a person answers.
    pub turn: Option<TurnId>,
    /// Whether it came before.
    pub duplicate: bool,
    /// Where this very call started the turn.
    pub begun: Option<Begun>,
}

/// Stores a message, once.
///
/// # Errors
/// Storage.
pub async fn take(chats: &Chats, arrival: &Arrival) -> Result<Taken, Failure> {
    crash::point("ingest.before_commit").await?;
    let taken = chats
        .db
        .in_workspace_id(arrival.workspace, "chats.ingest", async |tx: &mut Tx| take_in(chats, tx, arrival).await)
        .await?;
    crash::point("ingest.after_commit").await?;
    Ok(taken)
}

async fn take_in(chats: &Chats, tx: &mut Tx, arrival: &Arrival) -> Result<Taken, Failure> {
    let facts = store::facts(tx, arrival).await?;
    if let Some(known) = facts.known {
        let Known { message, conversation, turn } = known;
        return Ok(Taken { message, conversation, turn, duplicate: true, begun: None });
    }
    let plan = plan(&facts, &arrival.text, arrival.timing);
    // Beside the writing and the hold: it takes as long as both.
    let sought = (plan.turn == TurnPlan::Start)
        .then(|| retrieval::seek(chats, arrival.workspace, arrival.place.assistant, arrival.text.clone()));
    let mut taken = store::write(tx, chats, arrival, &facts, &plan).await?;
    if let Some(begun) = &mut taken.begun {
        begun.sought = sought;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(handler: Handler, waiting: bool, running: bool) -> Facts {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let member = (handler == Handler::Operator).then(|| neipix_mesh::UserId::new(now));
        let found = Found {
            id: ConversationId::new(now),
            contact: ContactId::new(now),
            standing: Standing { status: Status::Open, handler, member, epoch: 3 },
            last_seq: 7,
            version: 9,
            answered_at: None,
            fast_turns: 0,
            closed_at: None,
            away_since: None,
        };
        Facts {
            now,
            contact: Some(found.contact),
            found: Some(found),
            waiting: waiting.then(|| TurnId::new(now)),
            running,
            known: None,
        }
    }

    const CALL: Timing = Timing::Now { streamed: true };
    const CHAT: Timing = Timing::After { delay: Duration::from_secs(5), streamed: false };

    #[test]
    fn three_quick_lines_are_one_turn() {
        assert!(matches!(plan(&facts(Handler::Assistant, false, false), "a", CHAT).turn, TurnPlan::Queue { .. }));
        let joined = plan(&facts(Handler::Assistant, true, false), "b", CHAT).turn;
        assert!(matches!(joined, TurnPlan::Join { delay, .. } if delay == Duration::from_secs(5)));
    }

    #[test]
    fn a_call_starts_at_once_unless_a_turn_runs() {
        assert_eq!(plan(&facts(Handler::Assistant, false, false), "a", CALL).turn, TurnPlan::Start);
        let queued = plan(&facts(Handler::Assistant, false, true), "a", CALL).turn;
        assert_eq!(queued, TurnPlan::Queue { delay: Duration::ZERO });
    }

    #[test]
    fn c_14_a_machine_on_the_other_side_is_given_to_a_person() {
        // trust: C-14
        let mut facts = facts(Handler::Assistant, false, false);
        let found = facts.found.as_mut().unwrap();
        found.fast_turns = FAST_TURNS_MAX - 1;
        found.answered_at = Some(facts.now);
        let plan = plan(&facts, "Здравствуйте! Чем я могу вам помочь?", CALL);
        assert_eq!((plan.standing.handler, plan.turn), (Handler::Nobody, TurnPlan::None));
    }

    proptest! {
        #[test]
        fn inv_5_there_is_never_a_second_running_or_waiting_turn(waiting: bool, running: bool, call: bool, person in 0usize..3) {
            // trust: INV-5
            let handler = [Handler::Assistant, Handler::Operator, Handler::Nobody][person];
            let facts = facts(handler, waiting, running);
            match plan(&facts, "x", if call { CALL } else { CHAT }).turn {
                TurnPlan::Start => prop_assert!(!running && !waiting && call),
                TurnPlan::Queue { .. } => prop_assert!(!waiting),
                TurnPlan::Join { turn, .. } => prop_assert_eq!(Some(turn), facts.waiting),
                TurnPlan::None => prop_assert_ne!(handler, Handler::Assistant),
            }
        }
    }
}
