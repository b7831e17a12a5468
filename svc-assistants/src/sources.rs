//! GetSources.

use neipix_mesh::{Call, Failure};
use neipix_proto::assistants::v1::{GetSourcesRequest, GetSourcesResponse};

use crate::Assistants;

pub async fn get(_: &Assistants, _: Call<GetSourcesRequest>) -> Result<GetSourcesResponse, Failure> {
    Err(Failure::unavailable("not built yet"))
}
