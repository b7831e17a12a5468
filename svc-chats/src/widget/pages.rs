//! What is known of a widget by its public key, remembered for a few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use neipix_mesh::{AssistantId, Call, ChannelId, Failure, WorkspaceId, db::Tx};
use neipix_proto::chats::v1::{GetWidgetPageRequest, WidgetPage};

use super::store::{self, WidgetRow};
use crate::Chats;

/// How long it is remembered: so long after a change others may still see what was.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// Keys that are remembered, unknown ones too.
const MOST: usize = 20_000;

/// A widget that is on its sites.
#[derive(Debug, Clone)]
pub struct Page {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Its channel.
    pub channel: ChannelId,
    /// The assistant that answers.
    pub assistant: AssistantId,
    /// Its public key.
    pub key: String,
    /// The sites that may embed it.
    pub origins: Vec<String>,
    /// Whether anonymous visitors are refused.
    pub require_identity: bool,
    /// How it looks.
    pub look: WidgetRow,
}

/// When it was looked for, and what was found.
type Known = (Instant, Option<Arc<Page>>);

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Pages(Arc<Mutex<HashMap<String, Known>>>);

/// A key that could be ours; others do not reach the database.
#[must_use]
pub fn is_key(key: &str) -> bool {
    key.strip_prefix("wk_")
        .is_some_and(|rest| rest.len() == KEY_LETTERS && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Letters of a key behind `wk_`.
const KEY_LETTERS: usize = 22;

/// A fresh key.
#[must_use]
pub fn fresh_key() -> String {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = || char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    format!("wk_{}", std::iter::repeat_with(letter).take(KEY_LETTERS).collect::<String>())
}

impl Pages {
    /// The widget of a key.
    ///
    /// # Errors
    /// NOT_FOUND where there is none, or it was taken off its sites; storage.
    pub async fn get(&self, chats: &Chats, key: &str) -> Result<Arc<Page>, Failure> {
        if !is_key(key) {
            return Err(Failure::not_found());
        }
        if let Some(known) = self.known(key) {
            return known.ok_or_else(Failure::not_found);
        }
        let found = find(chats, key).await?.map(Arc::new);
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= MOST {
            pages.clear();
        }
        pages.insert(key.to_owned(), (Instant::now(), found.clone()));
        found.ok_or_else(Failure::not_found)
    }

    fn known(&self, key: &str) -> Option<Option<Arc<Page>>> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.get(key).filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, page)| page.clone())
    }

    /// Forgets a key: its widget changed here.
    pub fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

async fn find(chats: &Chats, key: &str) -> Result<Option<Page>, Failure> {
    let route = chats.db.platform("chats.widget_route", async |tx: &mut Tx| store::route(tx, key).await).await?;
    let Some(route) = route else { return Ok(None) };
    let (ws, channel) = (route.workspace_id, route.channel_id);
    let find = async |tx: &mut Tx| store::widgets(tx, ws, &[channel]).await;
    let row = chats.db.in_workspace_id(ws, "chats.widget", find).await?.pop();
    Ok(row.filter(|row| !row.deleted).map(|row| Page {
        workspace: ws,
        channel,
        assistant: row.assistant_id,
        key: row.key.clone(),
        origins: row.origins.clone(),
        require_identity: row.require_identity,
        look: row,
    }))
}

/// What the edge makes a widget's pages of.
///
/// # Errors
/// NOT_FOUND.
pub async fn get_page(chats: &Chats, call: Call<GetWidgetPageRequest>) -> Result<WidgetPage, Failure> {
    let page = chats.widget_pages.get(chats, &call.key).await?;
    let look = &page.look;
    let title = if look.title.is_empty() {
        let plan = chats.plans.get(page.workspace, page.assistant).await;
        plan.ok().and_then(|plan| plan.answer.spec.clone()).map(|spec| spec.name).unwrap_or_default()
    } else {
        look.title.clone()
    };
    Ok(WidgetPage {
        key: page.key.clone(),
        origins: page.origins.clone(),
        locale: look.locale.clone(),
        title,
        greeting: look.greeting.clone(),
        accent: look.accent.clone(),
        side: if look.side.is_empty() { "right".to_owned() } else { look.side.clone() },
        scheme: look.scheme.clone(),
        require_identity: page.require_identity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_is_a_key_and_what_a_path_may_hold_is_not() {
        assert!(is_key(&fresh_key()) && fresh_key() != fresh_key());
        for bad in ["", "wk_", "wk_test_1", "wk_../../../../etc/passwd1", "npk_0123456789012345678901"] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
