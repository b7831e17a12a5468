//! Why a turn was answered the way it was, or not at all.

use neipix_mesh::{Call, Failure};
use neipix_proto::{
    assistants::v1::Explanation,
    chats::v1::{ExplainMessageRequest, ExplainTurnRequest},
};

use crate::Chats;

pub async fn turn(_: &Chats, _: Call<ExplainTurnRequest>) -> Result<Explanation, Failure> {
    Err(Failure::unavailable("not built yet"))
}
pub async fn message(_: &Chats, _: Call<ExplainMessageRequest>) -> Result<Explanation, Failure> {
    Err(Failure::unavailable("not built yet"))
}
