//! The rpcs of the test dialogue.

use neipix_mesh::{Call, Failure, Stream};
use neipix_proto::assistants::v1::{
    ExplainSimulatedTurnRequest, Explanation, ListSimulatedTurnsRequest, ListSimulatedTurnsResponse,
    ResetSimulationRequest, ResetSimulationResponse, SimulateEvent, SimulateRequest,
};

use crate::Assistants;

pub async fn simulate(_: &Assistants, _: Call<SimulateRequest>) -> Result<Stream<SimulateEvent>, Failure> {
    Err(Failure::unavailable("not built yet"))
}
pub async fn list(_: &Assistants, _: Call<ListSimulatedTurnsRequest>) -> Result<ListSimulatedTurnsResponse, Failure> {
    Err(Failure::unavailable("not built yet"))
}
pub async fn explain(_: &Assistants, _: Call<ExplainSimulatedTurnRequest>) -> Result<Explanation, Failure> {
    Err(Failure::unavailable("not built yet"))
}
pub async fn reset(_: &Assistants, _: Call<ResetSimulationRequest>) -> Result<ResetSimulationResponse, Failure> {
    Err(Failure::unavailable("not built yet"))
}
