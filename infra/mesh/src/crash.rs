//! Crash points: named places where a test ends, delays or fails a process, to prove that it comes back whole.
//!
//! Without the feature `crashpoints` they are nothing. With it, `NEIPIX_CRASHPOINTS` arms them:
//! `after_hold=abort@1,relay.published=fail@2,x=sleep:500`; `@n` is the n-th pass, without it every pass counts. With
//! `NEIPIX_CRASHPOINT_LOG` each pass is first written to that file, `name pid pass mode`, so that a test can prove it.

use std::time::Duration;

use crate::{config::Settings, failure::Failure};

/// What an armed point does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The process ends at once, as if killed.
    Abort,
    /// The passing task waits.
    Sleep(Duration),
    /// The passing call fails.
    Fail,
}

/// An armed point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// The point.
    pub name: String,
    /// What it does.
    pub mode: Mode,
    /// At which pass, counted from 1; none: at every pass.
    pub pass: Option<u64>,
}

/// Reads `name=mode[@pass],…`; nothing where the text is none.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<Arm>> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (name, rest) = item.split_once('=')?;
            let (mode, pass) = match rest.split_once('@') {
                Some((mode, pass)) => (mode, Some(pass.parse().ok().filter(|n| *n > 0)?)),
                None => (rest, None),
            };
            let mode = match mode.split_once(':') {
                None if mode == "abort" => Mode::Abort,
                None if mode == "fail" => Mode::Fail,
                Some(("sleep", ms)) => Mode::Sleep(Duration::from_millis(ms.parse().ok()?)),
                _ => return None,
            };
            let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let named = !name.is_empty() && name.chars().all(good);
            named.then(|| Arm { name: name.to_owned(), mode, pass })
        })
        .collect()
}

/// Passes a point where nothing can fail: `crashpoint!("after_hold");` in async code. To fail a call there use
/// `crash::point("after_hold").await?`.
#[macro_export]
macro_rules! crashpoint {
    ($name:literal) => {
        $crate::crash::pass($name).await
    };
}

/// Arms the points that the settings name. Does nothing in builds without crash points.
pub fn arm(settings: &Settings) {
    armed::arm(settings.crashpoints.as_deref().and_then(parse).unwrap_or_default(), settings.crashpoint_log.clone());
}

/// Passes a point that may end, delay or fail.
///
/// # Errors
/// UNAVAILABLE where the point is armed with `fail`.
pub async fn point(name: &'static str) -> Result<(), Failure> {
    armed::point(name).await
}

/// Passes a point that may end or delay; armed with `fail` it ends, so that a wrong test does not pass by luck.
pub async fn pass(name: &'static str) {
    if armed::point(name).await.is_err() {
        tracing::error!(crashpoint = name, "crash point {name} cannot fail its caller: aborting");
        std::process::abort();
    }
}

#[cfg(not(feature = "crashpoints"))]
mod armed {
    use std::path::PathBuf;

    use super::Arm;
    use crate::failure::Failure;

    pub(super) fn arm(arms: Vec<Arm>, _: Option<PathBuf>) {
        if !arms.is_empty() {
            tracing::error!("NEIPIX_CRASHPOINTS is set, but this build has no crash points");
        }
    }

    #[expect(clippy::unused_async, reason = "the armed twin waits")]
    pub(super) async fn point(_: &'static str) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(feature = "crashpoints")]
mod armed {
    use std::{
        collections::HashMap,
        io::Write as _,
        path::PathBuf,
        sync::{LazyLock, Mutex, PoisonError},
    };

    use super::{Arm, Mode};
    use crate::failure::Failure;

    #[derive(Default)]
    struct State {
        arms: Vec<Arm>,
        log: Option<PathBuf>,
        passes: HashMap<&'static str, u64>,
    }

    static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

    pub(super) fn arm(arms: Vec<Arm>, log: Option<PathBuf>) {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { arms, log, passes: HashMap::new() };
    }

    /// Counts the pass, writes it down, and tells what to do.
    fn count(name: &'static str) -> Option<Mode> {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = state.passes.entry(name).or_default();
        *pass += 1;
        let pass = *pass;
        let mode = state.arms.iter().find(|a| a.name == name && a.pass.is_none_or(|n| n == pass)).map(|a| a.mode);
        if let Some(path) = &state.log {
            let line = format!("{name} {} {pass} {mode:?}\n", std::process::id());
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
                tracing::error!(error = &error as &dyn std::error::Error, "the log of crash points cannot be written");
            }
        }
        mode
    }

    pub(super) async fn point(name: &'static str) -> Result<(), Failure> {
        match count(name) {
            None => Ok(()),
            Some(Mode::Abort) => std::process::abort(),
            Some(Mode::Fail) => Err(Failure::unavailable("temporarily not reachable; try again")),
            Some(Mode::Sleep(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_crash_points_are_read_whole_or_not_at_all() {
        let arms = parse("after_hold=abort@1, relay.published=fail@2,x=sleep:500").unwrap();
        assert_eq!(arms[0], Arm { name: "after_hold".into(), mode: Mode::Abort, pass: Some(1) });
        assert_eq!(arms[1], Arm { name: "relay.published".into(), mode: Mode::Fail, pass: Some(2) });
        assert_eq!(arms[2], Arm { name: "x".into(), mode: Mode::Sleep(Duration::from_millis(500)), pass: None });
        for bad in ["x", "x=explode", "x=abort@0", "x=sleep", "=abort", "x=sleep:soon", "a b=abort"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[cfg(feature = "crashpoints")]
    #[tokio::test]
    async fn an_armed_point_acts_at_its_pass_and_writes_every_pass_down() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let pairs = [("NEIPIX_CRASHPOINTS", "second=fail@2"), ("NEIPIX_CRASHPOINT_LOG", log.path().to_str().unwrap())];
        arm(&Settings::from_pairs("test", pairs).unwrap());
        assert!(point("second").await.is_ok());
        assert!(point("second").await.is_err());
        assert!(point("second").await.is_ok());
        let pid = std::process::id();
        let told = std::fs::read_to_string(log.path()).unwrap();
        assert_eq!(told, format!("second {pid} 1 None\nsecond {pid} 2 Some(Fail)\nsecond {pid} 3 None\n"));
    }

    #[cfg(not(feature = "crashpoints"))]
    #[tokio::test]
    async fn without_the_feature_a_point_is_nothing() {
        let settings = Settings::from_pairs("test", [("NEIPIX_CRASHPOINTS", "x=abort,y=fail")]).unwrap();
        arm(&settings);
        crashpoint!("x");
        assert!(point("y").await.is_ok());
    }
}
