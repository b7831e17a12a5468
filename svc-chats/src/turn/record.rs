//! What a turn keeps for its explanation, gathered while it runs and written with its end: ids, scores and decisions, no texts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use neipix_proto::assistants::v1::{
    DropRule, Finished, GateDecision, RankedPassage, RecordedPassage, RetrieveResponse, TurnRecord,
};
use prost::Message as _;
use uuid::Uuid;

/// Notes of one worker about its turn.
#[derive(Debug, Default)]
pub struct Notes(Mutex<TurnRecord>);

impl Notes {
    /// Of a turn that began in a period of its dialogue.
    #[must_use]
    pub fn new(handler_epoch: i64) -> Self {
        Self(Mutex::new(TurnRecord { handler_epoch, ..TurnRecord::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, TurnRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks of the gate, behind the former ones.
    pub fn decided(&self, decisions: impl IntoIterator<Item = GateDecision>) {
        self.lock().gate.extend(decisions);
    }

    /// What was reserved, within which bounds, for which version.
    pub fn held(&self, version: i32, micro_pix: i64, input_tokens_max: i32, output_tokens_max: i32) {
        let mut record = self.lock();
        record.version = version;
        record.held_micro_pix = micro_pix;
        record.input_tokens_max = input_tokens_max;
        record.output_tokens_max = output_tokens_max;
    }

    /// What the search found.
    pub fn found(&self, found: &RetrieveResponse) {
        let seen = found.passages.iter().map(|p| recorded(p, DropRule::Unspecified));
        self.lock().passages = seen.chain(found.dropped.iter().map(|p| recorded(p, DropRule::Limit))).collect();
    }

    /// The reply asked for a person.
    pub fn handoff(&self, reason: &str) {
        reason.clone_into(&mut self.lock().handoff);
    }

    /// The reply ended.
    pub fn finished(&self, finished: &Finished) {
        let mut record = self.lock();
        record.finish = finished.kind;
        record.prompt_hash = hex::decode(&finished.prompt_hash).unwrap_or_default();
        for dropped in &finished.dropped {
            let id = bytes_of(&dropped.passage_id);
            for passage in record.passages.iter_mut().filter(|p| p.id == id) {
                passage.dropped = dropped.rule;
            }
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        self.lock().encode_to_vec()
    }
}

fn recorded(passage: &RankedPassage, dropped: DropRule) -> RecordedPassage {
    RecordedPassage {
        id: bytes_of(&passage.passage_id),
        score: passage.score as f32,
        parts: passage.parts.clone(),
        dropped: dropped.into(),
    }
}

fn bytes_of(id: &str) -> Vec<u8> {
    id.parse::<Uuid>().map(|id| id.as_bytes().to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1::{DroppedPassage, FinishKind};

    use super::*;

    #[test]
    fn a_record_names_every_passage_and_the_rule_that_dropped_it() {
        let ids: Vec<String> = (1..=3).map(|n| Uuid::from_u128(n).to_string()).collect();
        let ranked = |n: usize| RankedPassage { passage_id: ids[n].clone(), score: 0.25, parts: vec![] };
        let notes = Notes::new(2);
        notes.found(&RetrieveResponse { passages: vec![ranked(0), ranked(1)], dropped: vec![ranked(2)] });
        notes.finished(&Finished {
            kind: FinishKind::Complete.into(),
            prompt_hash: "ab".repeat(32),
            dropped: vec![DroppedPassage { passage_id: ids[1].clone(), rule: DropRule::Tokens.into() }],
            ..Finished::default()
        });
        let kept = TurnRecord::decode(notes.encoded().as_slice()).unwrap();
        let dropped: Vec<_> = kept.passages.iter().map(|p| p.dropped()).collect();
        assert_eq!(dropped, [DropRule::Unspecified, DropRule::Tokens, DropRule::Limit]);
        assert_eq!(kept.passages[0].id, Uuid::from_u128(1).as_bytes());
        assert_eq!((kept.handler_epoch, kept.prompt_hash.len()), (2, 32));
    }
}
