//! How fast visitors may be: per visitor, network, widget and workspace. A soft limit asks for work, a hard one refuses.
//!
//! What a script forges, such as the page it comes from, changes nothing here.

use std::{net::IpAddr, time::Duration};

use neipix_mesh::{Failure, redis::workspace_key};
use neipix_proto::{access::v1::ErrorReason as MeshReason, chats::v1::Proof};
use uuid::Uuid;

use super::{pages::Page, proof};
use crate::Chats;

/// A bucket: so many, within so many seconds.
type Rate = (u32, u32);

/// One message in 2 seconds, 4 at once; 60 an hour; 200 a day.
const VISITOR: [(&str, Rate); 3] = [("quick", (4, 8)), ("hour", (60, 3_600)), ("day", (200, 86_400))];
/// New visitors of a network before work is asked for.
const NEW_SOFT: Rate = (10, 600);
/// Messages of a network before work is asked for.
const MESSAGES_SOFT: Rate = (30, 60);
/// A hard limit is so many soft ones.
const HARD: u32 = 5;
/// New dialogues of a widget.
const DIALOGUES: Rate = (60, 60);
/// Answers to anonymous visitors that a workspace has on their way at most.
pub const ANONYMOUS_TURNS: i64 = 20;

/// The network that an address stands for: itself for IPv4, its /64 for IPv6, which one customer has whole.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn refused(what: &str, wait: Duration) -> Failure {
    Failure::new(MeshReason::RateLimited, format!("{what}; wait and try again"))
        .with_retry_after(wait.max(Duration::from_secs(1)))
}

/// Somebody who comes, as limits see them.
#[derive(Debug, Clone, Copy)]
pub struct Comer<'a> {
    /// The widget.
    pub page: &'a Page,
    /// Where they come from; none counts as one place.
    pub address: Option<IpAddr>,
    /// The work they did.
    pub proof: Option<&'a Proof>,
}

impl Comer<'_> {
    async fn take(&self, chats: &Chats, what: &str, who: &str, rate: Rate) -> Option<Duration> {
        let key = workspace_key(&format!("widget:{what}"), self.page.workspace, who);
        chats.sends.take(key, rate).await
    }

    /// The soft limit, which work passes by, under the hard one.
    async fn network(&self, chats: &Chats, what: &str, (count, seconds): Rate) -> Result<(), Failure> {
        let network = self.address.map(network).unwrap_or_default();
        let hard = (count * HARD, seconds);
        if let Some(wait) = self.take(chats, &format!("{what}:hard"), &network, hard).await {
            return Err(refused("too many come from this address", wait));
        }
        if self.take(chats, &format!("{what}:soft"), &network, (count, seconds)).await.is_none() {
            return Ok(());
        }
        let (now, who) = (chats.clock.now().timestamp(), (self.page.key.as_str(), self.address));
        if proof::is_done(&chats.redis, &chats.pages, who, self.proof, now).await? {
            return Ok(());
        }
        Err(proof::required(&chats.pages, who.0, who.1, now)?)
    }

    /// A new visitor.
    ///
    /// # Errors
    /// PROOF_REQUIRED, RATE_LIMITED.
    pub async fn begins(&self, chats: &Chats) -> Result<(), Failure> {
        self.network(chats, "new", NEW_SOFT).await
    }

    /// A message of a visitor, which may begin a dialogue.
    ///
    /// # Errors
    /// PROOF_REQUIRED, RATE_LIMITED.
    pub async fn writes(&self, chats: &Chats, visitor: Uuid, begins: bool) -> Result<(), Failure> {
        self.network(chats, "message", MESSAGES_SOFT).await?;
        let id = visitor.to_string();
        for (span, rate) in VISITOR {
            if let Some(wait) = self.take(chats, &format!("visitor:{span}"), &id, rate).await {
                return Err(refused("you write faster than a person can read", wait));
            }
        }
        if begins && let Some(wait) = self.take(chats, "dialogues", &self.page.key, DIALOGUES).await {
            return Err(refused("too many dialogues begin at once", wait));
        }
        Ok(())
    }
}

/// Too many answers to anonymous visitors are on their way.
#[must_use]
pub fn crowded() -> Failure {
    refused("many visitors are being answered right now", Duration::from_secs(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_or_what_one_customer_has_whole() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), "203.0.113.7");
        assert_eq!(of("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(of("2001:db8:1:2:aaaa::1"), of("2001:db8:1:2:bbbb::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
