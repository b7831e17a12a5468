//! Error reasons: what they mean stands in the proto, beside their names.

use std::{collections::HashMap, sync::LazyLock};

use crate::POOL;

/// A value of a package's `ErrorReason`.
pub trait Reason: Copy {
    /// What the proto says about it.
    fn info(self) -> &'static ReasonInfo;
}

/// What the proto says about a reason.
#[derive(Debug, PartialEq, Eq)]
pub struct ReasonInfo {
    /// Package, such as `neipix.billing.v1`.
    pub package: &'static str,
    /// Name as callers see it, such as `INSUFFICIENT_FUNDS`.
    pub name: &'static str,
    /// gRPC code by number.
    pub code: i32,
    /// Short English title.
    pub title: &'static str,
    /// HTTP status where the standard mapping of the code is wrong; 0 = standard.
    pub http: u16,
}

impl ReasonInfo {
    /// The HTTP status that a caller sees.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.http != 0 { self.http } else { http_of(self.code) }
    }
}

/// The standard HTTP status of a gRPC code.
fn http_of(code: i32) -> u16 {
    match code {
        0 => 200,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// A reason by package and name, as both travel in `google.rpc.ErrorInfo` (`domain` and `reason`).
#[must_use]
pub fn reason_named(package: &str, name: &str) -> Option<&'static ReasonInfo> {
    static BY_NAME: LazyLock<HashMap<(String, String), &'static ReasonInfo>> = LazyLock::new(|| {
        let mut all = HashMap::new();
        for reasons in POOL.all_enums().filter(|e| e.name() == "ErrorReason") {
            for value in reasons.values() {
                let package = reasons.parent_file().package_name().to_owned();
                if let Some(info) = info_of(&package, value.number()) {
                    all.insert((package, info.name.to_owned()), info);
                }
            }
        }
        all
    });
    BY_NAME.get(&(package.to_owned(), name.to_owned())).copied()
}

fn info_of(package: &str, number: i32) -> Option<&'static ReasonInfo> {
    match package {
        "neipix.access.v1" => crate::access::v1::ErrorReason::try_from(number).ok().map(Reason::info),
        "neipix.auth.v1" => crate::auth::v1::ErrorReason::try_from(number).ok().map(Reason::info),
        "neipix.assistants.v1" => crate::assistants::v1::ErrorReason::try_from(number).ok().map(Reason::info),
        "neipix.billing.v1" => crate::billing::v1::ErrorReason::try_from(number).ok().map(Reason::info),
        "neipix.chats.v1" => crate::chats::v1::ErrorReason::try_from(number).ok().map(Reason::info),
        "neipix.admin.v1" => crate::admin::v1::ErrorReason::try_from(number).ok().map(Reason::info),
        _ => None,
    }
}
