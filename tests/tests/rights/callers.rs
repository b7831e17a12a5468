//! Everybody who calls, and what the table lets them do.

use neipix_proto::{
    Method,
    access::v1::Surface as Audience,
    auth::v1::{PlatformRole, Role},
};
use neipix_tests::{
    client::Surface,
    permissions::{KEY, Rule, Table, VISITOR, Who, surface_name},
};

use crate::{
    place::Place,
    world::{SCOPES, WIDGET_SITE, World, make_key, staff},
};

/// What a caller's rights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    Nobody,
    /// A role of the workspace or the platform.
    Role(&'static str),
    /// A role that the table does not know.
    Custom,
    /// A key with these scopes, of a maker with this role.
    Key(Vec<&'static str>, &'static str),
}

/// Somebody.
#[derive(Clone)]
pub struct Caller {
    pub name: String,
    pub rights: Rights,
    pub audience: Audience,
    /// What services see.
    pub token: Option<String>,
    /// What the edge is sent: the same, or the key.
    pub credential: Option<String>,
}

/// How an rpc must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Through,
    SignIn,
    Denied,
    Absent,
}

impl Caller {
    fn holds(&self, table: &Table, permission: &str) -> bool {
        match &self.rights {
            Rights::Nobody | Rights::Custom => false,
            Rights::Role(role) => table.holds(role, permission),
            Rights::Key(scopes, maker) => {
                scopes.contains(&permission) && table.holds(KEY, permission) && table.holds(maker, permission)
            }
        }
    }

    /// At the service itself.
    pub fn directly(&self, table: &Table, rule: &Rule) -> Expect {
        match &rule.who {
            Who::Public => Expect::Through,
            Who::Internal(_) => Expect::Denied,
            _ if self.rights == Rights::Nobody => Expect::SignIn,
            _ if !rule.surfaces.contains(surface_name(self.audience)) => Expect::SignIn,
            Who::SignedIn => Expect::Through,
            Who::Person if matches!(self.rights, Rights::Key(..)) => Expect::Denied,
            Who::Person => Expect::Through,
            Who::Permission(permission) if self.holds(table, permission) => Expect::Through,
            Who::Permission(_) => Expect::Denied,
        }
    }

    /// Through the edge at one of its hosts: what the host does not serve is not there, and staff and customers are
    /// signed in at their own hosts only.
    pub fn through_edge(&self, table: &Table, method: &Method, rule: &Rule, at: Audience) -> Expect {
        if method.is_internal() || !rule.surfaces.contains(surface_name(at)) {
            return Expect::Absent;
        }
        let at_home = match at {
            Audience::Admin | Audience::Widget => self.audience == at,
            _ => self.audience != Audience::Admin,
        };
        if at_home || rule.who == Who::Public { self.directly(table, rule) } else { Expect::SignIn }
    }
}

fn person(name: &str, rights: Rights, audience: Audience, token: String) -> Caller {
    let token = Some(token);
    Caller { name: name.to_owned(), rights, audience, credential: token.clone(), token }
}

/// Everybody around a workspace.
pub async fn everybody(place: &Place, world: &World) -> Vec<Caller> {
    let mut all = vec![nobody()];
    all.extend(members(place, world).await);
    all.extend(platform(place).await);
    all.extend(keys(place, world).await);
    all.push(visitor(place, world).await);
    all
}

/// Somebody on a site with the world's widget.
async fn visitor(place: &Place, world: &World) -> Caller {
    let site = place.rest(Surface::Widget).with_header("origin", WIDGET_SITE);
    let session = site.post(&format!("/api/v1/widget/{}/visitor", world.widget_key), serde_json::json!({})).await.ok();
    let token = session["accessToken"].as_str().expect("a token").to_owned();
    person(VISITOR, Rights::Role(VISITOR), Audience::Widget, token)
}

fn nobody() -> Caller {
    let name = "nobody".to_owned();
    Caller { name, rights: Rights::Nobody, audience: Audience::App, token: None, credential: None }
}

async fn members(place: &Place, world: &World) -> Vec<Caller> {
    let mut all = Vec::new();
    for audience in [Audience::App, Audience::Api] {
        let token = place.login(&world.email, audience).await.access_token;
        let name = format!("owner of {}", surface_name(audience));
        all.push(person(&name, Rights::Role("owner"), audience, token));
    }
    let roles = [(Role::Manager, "manager"), (Role::Operator, "operator"), (Role::Viewer, "viewer")];
    for (role, name) in roles {
        let email = world.add(place, role).await;
        let token = place.login(&email, Audience::App).await.access_token;
        all.push(person(name, Rights::Role(name), Audience::App, token));
    }
    // No rpc gives a role of one's own making yet, so the row is written as the database's owner.
    let email = world.add(place, Role::Viewer).await;
    let sql = "UPDATE auth.membership m SET role = 'custom', custom_role_id = gen_random_uuid() FROM auth.user_account u \
               WHERE u.id = m.user_id AND u.email = $1";
    let changed = place.database().await.execute(sql, &[&email]).await.expect("a custom role");
    assert_eq!(changed, 1);
    let token = place.login(&email, Audience::App).await.access_token;
    all.push(person("custom role", Rights::Custom, Audience::App, token));
    all
}

async fn platform(place: &Place) -> Vec<Caller> {
    let roles = [
        (PlatformRole::Superadmin, "superadmin"),
        (PlatformRole::Admin, "admin"),
        (PlatformRole::Billing, "billing"),
        (PlatformRole::Support, "support"),
        (PlatformRole::Content, "content"),
    ];
    let mut all = Vec::new();
    for (role, name) in roles {
        let token = place.login(&staff(place, role).await, Audience::Admin).await.access_token;
        all.push(person(name, Rights::Role(name), Audience::Admin, token));
    }
    all
}

async fn keys(place: &Place, world: &World) -> Vec<Caller> {
    let api = world.api(place);
    let mut all = Vec::new();
    for scope in SCOPES {
        let (_, key) = make_key(&api, &[scope], None).await;
        all.push(key_caller(place, &format!("key with {scope}"), key, vec![scope], "owner").await);
    }
    all
}

/// A key.
pub async fn key_caller(
    place: &Place,
    name: &str,
    key: String,
    scopes: Vec<&'static str>,
    maker: &'static str,
) -> Caller {
    let token = Some(place.exchange(&key).await);
    let rights = Rights::Key(scopes, maker);
    Caller { name: name.to_owned(), rights, audience: Audience::Api, token, credential: Some(key) }
}
