//! What to open about a silence, in order to see or to change what it comes from. Pure.

use neipix_mesh::{AssistantId, ConversationId, TurnId, WorkspaceId};
use neipix_proto::assistants::v1::{
    CauseKind, GateDecision, GateOutcome, GateRule, SilenceCause, gate_decision::Looked,
};

use crate::turn::Reason;

/// Where a turn is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its tenant.
    pub workspace: WorkspaceId,
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// The turn.
    pub turn: TurnId,
}

fn cause(kind: CauseKind, id: impl ToString) -> SilenceCause {
    SilenceCause { kind: kind.into(), id: id.to_string(), index: 0 }
}

/// The person whom the gate saw; an empty id where the dialogue waited for anybody.
#[must_use]
pub fn of_person(gate: &[GateDecision]) -> SilenceCause {
    let member = gate.iter().rev().find_map(|decision| match &decision.looked {
        Some(Looked::Handler(handler)) if decision.outcome() == GateOutcome::Silenced => Some(&handler.member_id),
        _ => None,
    });
    cause(CauseKind::Operator, member.cloned().unwrap_or_default())
}

/// What a reason comes from.
#[must_use]
pub fn of(reason: Reason, gate: &[GateDecision], handoff: &str, place: Place) -> SilenceCause {
    match reason {
        Reason::Operator | Reason::TakeOver => of_person(gate),
        Reason::Schedule => cause(CauseKind::Schedule, place.assistant),
        Reason::StopWord => {
            let index = gate.iter().rev().find_map(|decision| match &decision.looked {
                Some(Looked::StopWord(word)) => word.index,
                _ => None,
            });
            SilenceCause { index: index.unwrap_or(0), ..cause(CauseKind::StopWord, place.assistant) }
        }
        Reason::NoFunds => cause(CauseKind::Wallet, place.workspace),
        Reason::Paused => cause(CauseKind::Assistant, place.assistant),
        Reason::Budget => cause(CauseKind::Budget, ""),
        Reason::Handoff => handed_over(gate, handoff, place),
        Reason::Closed => cause(CauseKind::Conversation, place.conversation),
        Reason::Unpriced | Reason::BillingUnavailable | Reason::Timeout | Reason::Internal | Reason::Interrupted => {
            cause(CauseKind::Platform, place.turn)
        }
    }
}

fn handed_over(gate: &[GateDecision], handoff: &str, place: Place) -> SilenceCause {
    // Paused while the turn ran: its worker died, and the next one found the assistant silent.
    if gate.iter().any(|d| d.rule() == GateRule::Assistant && d.outcome() == GateOutcome::Silenced) {
        return cause(CauseKind::Assistant, place.assistant);
    }
    match handoff {
        "low_confidence" => cause(CauseKind::Knowledge, place.assistant),
        "providers_failed" | "filtered" => cause(CauseKind::Platform, place.turn),
        _ => cause(CauseKind::Conversation, place.conversation),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use neipix_proto::assistants::v1::{HandlerLook, SilenceReason, StopWordLook};

    use super::*;
    use crate::gate::look::{decision, silenced_by_person};

    #[test]
    fn every_reason_has_its_own_value_on_the_wire_and_something_to_open() {
        let now = Utc::now();
        let place = Place {
            workspace: WorkspaceId::new(now),
            conversation: ConversationId::new(now),
            assistant: AssistantId::new(now),
            turn: TurnId::new(now),
        };
        let mut seen = vec![SilenceReason::Unspecified];
        for reason in Reason::ALL {
            assert!(!seen.contains(&reason.to_proto()), "{reason:?}");
            seen.push(reason.to_proto());
            assert_ne!(of(reason, &[], "", place).kind(), CauseKind::Unspecified, "{reason:?}");
        }
        assert_eq!(seen.len(), 15);
        assert_eq!(of(Reason::NoFunds, &[], "", place).id, place.workspace.to_string());
        assert_eq!(of(Reason::Handoff, &[], "low_confidence", place).kind(), CauseKind::Knowledge);
    }

    #[test]
    fn a_cause_names_the_very_word_and_the_very_person() {
        let now = Utc::now();
        let place = Place {
            workspace: WorkspaceId::new(now),
            conversation: ConversationId::new(now),
            assistant: AssistantId::new(now),
            turn: TurnId::new(now),
        };
        let word = StopWordLook { count: 3, index: Some(2), ..StopWordLook::default() };
        let met = decision(GateRule::StopWords, GateOutcome::Silenced, Some(Looked::StopWord(word)));
        assert_eq!(of(Reason::StopWord, &[met], "", place).index, 2);
        let mut taken = silenced_by_person(4);
        taken.looked = Some(Looked::Handler(HandlerLook { member_id: "anna".to_owned(), ..HandlerLook::default() }));
        assert_eq!(of(Reason::TakeOver, &[taken], "", place).id, "anna");
    }
}
