//! Ends of a turn that are not an answer: what is said, who is told, what is released.

use chrono::{DateTime, Utc};
use neipix_mesh::{Failure, MessageId, db::Tx};
use neipix_proto::chats::v1::TurnState;

use super::{Run, Worked};
use crate::{
    conversations::store as dialogue,
    delivery,
    stopwords::Action,
    turn::{
        Reason, State,
        store::{
            end::{self, Ending, Says},
            read::Context,
            stored::Attempt,
        },
    },
};

impl Run {
    pub(super) async fn skip(
        &self,
        reason: Reason,
        reply: Option<String>,
        away_since: Option<DateTime<Utc>>,
        to_person: bool,
        pending: bool,
    ) -> Result<Worked, Failure> {
        let context = match (&reply, &self.context) {
            (None, _) => None,
            (Some(_), Some(context)) => Some(context.clone()),
            (Some(_), None) => Some(self.read_context().await?),
        };
        let parts = match (&reply, &context) {
            (Some(reply), Some(context)) => delivery::parts(&context.channel_kind, &context.address, reply),
            _ => vec![],
        };
        let says = reply.as_deref().map(|text| Says {
            message: MessageId::new(Utc::now()),
            text,
            interrupted: false,
            parts: &parts,
        });
        self.end(&Ending {
            turn: self.turn,
            epoch: Some(self.epoch),
            state: State::Skipped,
            reason,
            release: false,
            says,
            away_since,
            to_person,
            pending,
            attempts: &[],
            record: &self.notes.encoded(),
        })
        .await
    }

    pub(super) async fn cancel(
        &self,
        reason: Reason,
        action: Option<&Action>,
        attempts: &[Attempt],
    ) -> Result<Worked, Failure> {
        let reply = match action {
            Some(Action::FixedReply(reply)) => Some(reply.clone()),
            _ => None,
        };
        let context = if reply.is_some() { Some(self.read_context().await?) } else { None };
        let parts = match (&reply, &context) {
            (Some(reply), Some(context)) => delivery::parts(&context.channel_kind, &context.address, reply),
            _ => vec![],
        };
        let says = reply.as_deref().map(|text| Says {
            message: MessageId::new(Utc::now()),
            text,
            interrupted: false,
            parts: &parts,
        });
        self.end(&Ending {
            turn: self.turn,
            epoch: Some(self.epoch),
            state: State::Cancelled,
            reason,
            release: true,
            says,
            away_since: None,
            to_person: reason == Reason::Handoff || matches!(action, Some(Action::Handoff)),
            pending: false,
            attempts,
            record: &self.notes.encoded(),
        })
        .await
    }

    pub(super) async fn fail(&self, reason: Reason, attempts: &[Attempt]) -> Result<Worked, Failure> {
        // Unclaimed turns know fewer reasons.
        let reason = if reason.may_fail(false) { reason } else { Reason::Internal };
        self.end(&Ending {
            turn: self.turn,
            epoch: Some(self.epoch),
            state: State::Failed,
            reason,
            release: true,
            says: None,
            away_since: None,
            to_person: reason.needs_person(),
            pending: false,
            attempts,
            record: &self.notes.encoded(),
        })
        .await
    }

    /// A shown answer breaks off: what was shown stays, and is free.
    pub(super) async fn cut(&self, context: &Context, reason: Reason, attempts: &[Attempt]) -> Result<Worked, Failure> {
        let text = self.live.text();
        let parts = delivery::parts(&context.channel_kind, &context.address, &text);
        let says = (!text.trim().is_empty()).then(|| Says {
            message: MessageId::new(Utc::now()),
            text: &text,
            interrupted: true,
            parts: &parts,
        });
        self.end(&Ending {
            turn: self.turn,
            epoch: Some(self.epoch),
            state: State::Failed,
            reason,
            release: true,
            says,
            away_since: None,
            to_person: reason.needs_person(),
            pending: false,
            attempts,
            record: &self.notes.encoded(),
        })
        .await
    }

    async fn end(&self, ending: &Ending<'_>) -> Result<Worked, Failure> {
        let done = self
            .chats
            .db
            .in_workspace_id(self.ws, "chats.end_turn", async |tx: &mut Tx| {
                let Some(mut locked) = dialogue::lock(tx, self.ws, self.conversation).await? else { return Ok(false) };
                end::end(tx, self.ws, &mut locked, ending).await
            })
            .await?;
        if done {
            tracing::info!(turn.id = %self.turn, reason = ending.reason.as_str(), "turn {} ended unanswered", self.turn);
        }
        let outcome = self.read_end().await?;
        let over = matches!(outcome.state(), TurnState::Skipped | TurnState::Cancelled | TurnState::Failed);
        Ok(if over { Worked::Ended { end: Some(outcome), next: None } } else { Worked::Gone })
    }
}
