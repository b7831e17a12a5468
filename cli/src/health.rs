//! `backend health`: the standard gRPC health check of each address.

use std::time::{Duration, Instant};

use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// Asks each address; with `wait`, until all serve or the time is over.
///
/// # Errors
/// When an address is malformed.
pub async fn run(addresses: &[String], service: &str, wait: u64) -> anyhow::Result<bool> {
    let until = Instant::now() + Duration::from_secs(wait);
    loop {
        let mut all = true;
        let mut lines = Vec::new();
        for address in addresses {
            let state = ask(address, service).await?;
            all &= state == "SERVING";
            lines.push(format!("{address} {state}"));
        }
        if all || Instant::now() >= until {
            println!("{}", lines.join("\n"));
            return Ok(all);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn ask(address: &str, service: &str) -> anyhow::Result<&'static str> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(2));
    let Ok(channel) = endpoint.connect().await else { return Ok("UNREACHABLE") };
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(match HealthClient::new(channel).check(request).await {
        Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => "SERVING",
        Ok(_) => "NOT_SERVING",
        Err(status) if status.code() == tonic::Code::NotFound => "UNKNOWN_SERVICE",
        Err(_) => "UNREACHABLE",
    })
}
