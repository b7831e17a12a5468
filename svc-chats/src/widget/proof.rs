//! Proof of work: what a browser computes where many come from one address, instead of being sent away.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use neipix_mesh::{Failure, page::PageTokens, redis::Redis};
use neipix_proto::chats::v1::{ErrorReason, Proof};
use sha2::{Digest as _, Sha256};

use super::limits::network;

/// Zero bits that are asked for: a tenth of a second of a laptop.
pub const BITS: u32 = 16;
/// How long a challenge is good, seconds.
const LIFE: i64 = 120;
/// Bytes of a challenge's own randomness.
const RANDOM: usize = 9;
/// What a tag is for.
const PURPOSE: &str = "widget.proof";

/// A challenge for a caller: `npx1.<bits>.<expiry>.<salt>`. The salt holds our tag of everything else, of the widget and of
/// the caller's network.
///
/// # Errors
/// INTERNAL where there is no key.
pub fn challenge(keys: &PageTokens, key: &str, from: Option<IpAddr>, bits: u32, now: i64) -> Result<String, Failure> {
    let mut random = [0u8; RANDOM];
    rand::fill(&mut random);
    let exp = now + LIFE;
    let tag = keys.tag(PURPOSE, &tagged(key, from, bits, exp, &random))?;
    let salt = URL_SAFE_NO_PAD.encode([&random[..], &tag[..]].concat());
    Ok(format!("npx1.{bits}.{exp}.{salt}"))
}

fn tagged(key: &str, from: Option<IpAddr>, bits: u32, exp: i64, random: &[u8]) -> Vec<u8> {
    let mut text = format!("{key}|{}|{bits}|{exp}|", from.map(network).unwrap_or_default()).into_bytes();
    text.extend_from_slice(random);
    text
}

/// Whether a challenge is one of ours, for this caller, and still good.
fn is_ours(keys: &PageTokens, key: &str, from: Option<IpAddr>, challenge: &str, now: i64) -> Option<u32> {
    let mut parts = challenge.split('.');
    let (version, bits, exp, salt) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (bits, exp): (u32, i64) = (bits.parse().ok()?, exp.parse().ok()?);
    let salt = URL_SAFE_NO_PAD.decode(salt).ok()?;
    let (random, tag) = salt.split_at_checked(RANDOM)?;
    let good = parts.next().is_none() && version == "npx1" && now < exp;
    (good && keys.is_tag(PURPOSE, &tagged(key, from, bits, exp, random), tag)).then_some(bits)
}

/// Zero bits at the beginning of SHA-256 of `<challenge>.<n>`.
#[must_use]
pub fn zero_bits(challenge: &str, n: i64) -> u32 {
    let hash = Sha256::digest(format!("{challenge}.{n}"));
    let mut bits = 0;
    for byte in hash {
        bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    bits
}

/// Whether the work was done, for the first time.
///
/// # Errors
/// UNAVAILABLE where Redis cannot say whether it is the first time.
pub async fn is_done(
    redis: &Redis,
    keys: &PageTokens,
    (key, from): (&str, Option<IpAddr>),
    proof: Option<&Proof>,
    now: i64,
) -> Result<bool, Failure> {
    let Some(proof) = proof else { return Ok(false) };
    let Some(bits) = is_ours(keys, key, from, &proof.challenge, now) else { return Ok(false) };
    if zero_bits(&proof.challenge, proof.n) < bits {
        return Ok(false);
    }
    let spent = format!("neipix:widget:proof:{}", hex::encode(Sha256::digest(&proof.challenge)));
    let mut set = redis::cmd("SET");
    set.arg(spent).arg(1).arg("NX").arg("EX").arg(LIFE);
    let first: Result<Option<String>, _> = redis.run(&set).await;
    first.map(|answer| answer.is_some()).map_err(|_| Failure::unavailable("the proof cannot be checked now; try again"))
}

/// What is answered instead.
///
/// # Errors
/// INTERNAL where there is no key.
pub fn required(keys: &PageTokens, key: &str, from: Option<IpAddr>, now: i64) -> Result<Failure, Failure> {
    let challenge = challenge(keys, key, from, BITS, now)?;
    let failure = Failure::new(
        ErrorReason::ProofRequired,
        "many come from this address: find n so that SHA-256 of `<challenge>.<n>` begins with as many zero bits as it says",
    );
    Ok(failure.with_field("proof", "must hold the challenge and n").with_challenge(challenge))
}

#[cfg(test)]
mod tests {
    use neipix_mesh::{config::Keyring, secret::Secret};

    use super::*;

    fn keys(byte: u8) -> PageTokens {
        PageTokens::new(Keyring::new(vec![("k".to_owned(), Secret::new(vec![byte; 32]))]).unwrap())
    }

    #[test]
    fn the_specifications_vector_has_its_zero_bits() {
        let challenge = "npx1.16.1764000120.c2FsdC0x";
        assert!(zero_bits(challenge, 4_551) >= 16);
        let hash = Sha256::digest(format!("{challenge}.4551"));
        assert!(hex::encode(hash).starts_with("0000c7051b5e9f41"));
        assert!((0..4_551).all(|n| zero_bits(challenge, n) < 16), "4,551 is the first");
    }

    #[test]
    fn a_challenge_is_good_for_its_widget_its_network_and_two_minutes() {
        let from = Some("203.0.113.7".parse().unwrap());
        let made = challenge(&keys(1), "wk_a", from, 16, 1_000).unwrap();
        let ours = |keys: &PageTokens, key, from, made: &str, now| is_ours(keys, key, from, made, now).is_some();
        assert!(ours(&keys(1), "wk_a", from, &made, 1_119));
        assert!(!ours(&keys(1), "wk_a", from, &made, 1_120), "too late");
        assert!(!ours(&keys(2), "wk_a", from, &made, 1_001), "another's key");
        assert!(!ours(&keys(1), "wk_b", from, &made, 1_001), "another widget");
        assert!(!ours(&keys(1), "wk_a", Some("203.0.113.8".parse().unwrap()), &made, 1_001), "another address");
        assert!(!ours(&keys(1), "wk_a", from, &made.replacen("npx1.16", "npx1.01", 1), 1_001), "made easier");
        assert!(!ours(&keys(1), "wk_a", from, "npx1.16.9999999999.c2FsdC0x", 1_001), "made up");
    }
}
