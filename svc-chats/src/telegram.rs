//! Telegram: what its updates mean, how our texts look there, and its Bot API.

pub mod api;
pub mod format;
pub mod split;
pub mod update;

/// Parts of a text as they are sent, one after another.
#[must_use]
pub fn parts(markdown: &str) -> Vec<format::Formatted> {
    split::split(&format::format(markdown), split::UNITS_MAX)
}
