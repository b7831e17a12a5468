//! Every rpc × everybody, directly at the services and through the edge, by REST and by gRPC.

use futures::{StreamExt as _, stream};
use neipix_proto::{Method, access::v1::Surface as Audience, auth::v1::PlatformRole, methods};
use neipix_tests::{
    client::Surface,
    faces::rest_calls,
    grpc::Outcome,
    permissions::{KEY, PLATFORM_ROLES, ROLES, Table, Who},
    telegram::Telegram,
    trust,
};
use prost_reflect::Value;

use crate::{
    callers::{Caller, Expect, everybody},
    place::{Place, host},
    requests::{Maker, Meant, set},
    world::{World, platform_seeds, staff},
};

/// The processes of the product.
const PROCESSES: [&str; 7] = ["svc-auth", "svc-assistants", "svc-billing", "svc-chats", "svc-admin", "edge", "cli"];
/// The hosts of the edge that serve rpcs.
const HOSTS: [Audience; 4] = [Audience::App, Audience::Admin, Audience::Api, Audience::Widget];
/// Callers who try every door of every host.
const MIGHTY: [&str; 3] = ["nobody", "owner of app", "superadmin"];
/// Calls under way at once.
const AT_ONCE: usize = 12;

/// Refusals of a caller who may: the row's state forbids it, after the rights were found good.
const FAIR: &[(&str, &str)] = &[
    ("ConfirmEmail", "CODE_INVALID"),
    ("ResendMessage", "NOT_RESENDABLE"),
    ("RetryFile", "FILE_STATE"),
    ("SendMessage", "NOT_HANDLER"),
    ("PublishAssistant", "ASSISTANT_STATE"),
    ("PauseAssistant", "ASSISTANT_STATE"),
    ("ResumeAssistant", "ASSISTANT_STATE"),
    ("EndPrice", "PRICE_ENDED"),
    ("Hold", "UNPRICED"),
    ("Settle", "HOLD_NOT_FOUND"),
];

/// What was seen: who called what by which door, and what came back.
struct Seen {
    caller: Caller,
    method: &'static Method,
    door: Door,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Direct,
    /// Native gRPC at a host of the edge.
    Grpc(Audience),
    /// REST at a host of the edge, by one of the rpc's faces.
    Rest(Audience, usize),
}

impl Seen {
    fn expected(&self, table: &Table) -> Expect {
        let rule = table.rule(&self.method.name);
        match self.door {
            Door::Direct => self.caller.directly(table, rule),
            // The translator is the only face of these rpcs.
            Door::Grpc(_) if !self.method.face.is_empty() => Expect::Absent,
            Door::Grpc(at) | Door::Rest(at, _) => self.caller.through_edge(table, self.method, rule, at),
        }
    }

    /// What is wrong with it by a table; none = as it should be.
    fn fault(&self, table: &Table) -> Option<String> {
        let expected = self.expected(table);
        let (status, reason) = self.outcome.short();
        let good = match expected {
            Expect::Through => status == 200 || FAIR.contains(&(self.method.descriptor.name(), reason)),
            Expect::SignIn => (status, reason) == (401, "TOKEN_INVALID"),
            Expect::Denied => (status, reason) == (403, "PERMISSION_DENIED"),
            Expect::Absent => (status, reason) == (404, "NOT_FOUND"),
        };
        let Self { caller, method, door, outcome } = self;
        (!good).then(|| format!("{} → {} by {door:?}: {expected:?}, but {outcome:?}", caller.name, method.name))
    }
}

/// All calls of one caller to one rpc.
async fn try_doors(maker: &Maker<'_>, table: &Table, caller: &Caller, method: &'static Method) -> Vec<Seen> {
    let place = maker.place;
    let mut seen = Vec::new();
    let mut note = |door, outcome| seen.push(Seen { caller: caller.clone(), method, door, outcome });
    let meant = |expected| if expected == Expect::Through { Meant::ToPass } else { Meant::ToFail };
    let rule = table.rule(&method.name);
    if !method.is_internal() {
        let request = maker.request(method, meant(caller.directly(table, rule))).await;
        note(Door::Direct, place.direct("edge", method, &request, caller.token.as_deref()).await);
    }
    let credential = caller.credential.as_deref();
    for at in HOSTS {
        let meant = meant(caller.through_edge(table, method, rule, at));
        let request = maker.request(method, meant).await;
        // At the hosts of others one face shows what all do, and the mightiest show what nobody may.
        let home = at == caller.audience;
        if home || MIGHTY.contains(&caller.name.as_str()) {
            note(Door::Grpc(at), place.grpc(host(at), method, &request, credential).await);
        }
        let faces = rest_calls(method, &request).len();
        for n in 0..if home { faces } else { faces.min(1) } {
            let request = maker.request(method, meant).await;
            let call = rest_calls(method, &request).swap_remove(n);
            note(Door::Rest(at, n), place.rest_call(host(at), &call, credential).await);
        }
    }
    seen
}

/// Everybody at every rpc.
async fn try_everything(maker: &Maker<'_>, callers: &[Caller], table: &Table) -> Vec<Seen> {
    let pairs = methods().all().into_iter().flat_map(|method| callers.iter().map(move |caller| (caller, method)));
    let tried = stream::iter(pairs).map(|(caller, method)| try_doors(maker, table, caller, method));
    tried.buffer_unordered(AT_ONCE).flat_map(stream::iter).collect().await
}

/// Each process at each rpc, with nobody's token and with the owner's.
async fn processes(maker: &Maker<'_>, table: &Table) -> Vec<String> {
    let tokens = [None, Some(maker.world.owner.as_str())];
    let calls = methods()
        .all()
        .into_iter()
        .flat_map(|method| PROCESSES.into_iter().flat_map(move |process| tokens.map(|token| (method, process, token))));
    let tried = stream::iter(calls).map(async |(method, process, token)| {
        let internal = match &table.rule(&method.name).who {
            Who::Internal(callers) => callers,
            // A person's token is tried above; a process has no rights of its own.
            Who::Public => return None,
            _ if token.is_some() => return None,
            _ => {
                let request = maker.request(method, Meant::ToFail).await;
                let outcome = maker.place.direct(process, method, &request, None).await;
                let good = outcome.short() == (401, "TOKEN_INVALID");
                return (!good).then(|| format!("{process} → {}: {outcome:?}", method.name));
            }
        };
        let may = internal.contains(process) || (internal.contains("all") && process != "cli");
        let mut request = maker.request(method, if may { Meant::ToPass } else { Meant::ToFail }).await;
        if method.descriptor.name() == "AckEvents" {
            // A service confirms for itself only.
            set(&mut request, "consumer", Value::String(process.to_owned()));
        }
        let outcome = maker.place.direct(process, method, &request, token).await;
        let (status, reason) = outcome.short();
        let good = match may {
            true => status == 200 || FAIR.contains(&(method.descriptor.name(), reason)),
            false => (status, reason) == (403, "PERMISSION_DENIED"),
        };
        (!good).then(|| format!("{process} → {} (may: {may}): {outcome:?}", method.name))
    });
    tried.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

/// Turning over any cell of the table that an rpc stands for would have been noticed.
fn every_cell_was_tried(seen: &[Seen], table: &Table) {
    let used = |permission: &str| {
        methods().all().iter().any(|m| table.rule(&m.name).who == Who::Permission(permission.to_owned()))
    };
    for permission in table.permissions().filter(|name| used(name)) {
        let of_platform = permission.starts_with("platform.");
        let roles = if of_platform { PLATFORM_ROLES.as_slice() } else { ROLES.as_slice() };
        // What a key may not hold, no key can be made with; the guard's own table is compared elsewhere.
        let key = table.holds(KEY, permission).then_some(KEY);
        for column in roles.iter().copied().chain(key) {
            let other = table.with_flipped(column, permission);
            assert!(seen.iter().any(|one| one.fault(&other).is_some()), "nobody noticed {column} {permission}");
        }
    }
}

/// So would any other permission of an rpc that somebody else holds.
fn every_rule_was_tried(seen: &[Seen], table: &Table) {
    for method in methods().all() {
        let Who::Permission(needed) = &table.rule(&method.name).who else { continue };
        let calls: Vec<&Seen> = seen.iter().filter(|one| one.method.name == method.name).collect();
        for other in table.permissions().filter(|other| table.differ(needed, other)) {
            let planted = table.with_permission(&method.name, other);
            let noticed = calls.iter().any(|one| one.fault(&planted).is_some());
            assert!(noticed, "nobody noticed {other} in place of {needed} at {}", method.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_everybody_as_the_table_says() {
    trust!("INV-50", "S-1", "M-16");
    let telegram = Telegram::start().await.expect("the stand-in");
    let place = Place::one_process(&telegram).await;
    let table = Table::checked_in();
    let world = World::make(&place, &telegram).await;
    let staff = place.login(&staff(&place, PlatformRole::Superadmin).await, Audience::Admin).await.access_token;
    let platform = platform_seeds(&place.rest(Surface::Admin).bearer(&staff)).await;
    let maker = Maker { place: &place, telegram: &telegram, world: &world, platform: &platform, staff: &staff };
    let callers = everybody(&place, &world).await;
    let seen = try_everything(&maker, &callers, &table).await;
    let mut faults: Vec<String> = seen.iter().filter_map(|one| one.fault(&table)).collect();
    faults.extend(processes(&maker, &table).await);
    assert!(faults.is_empty(), "{} of {} calls:\n{}", faults.len(), seen.len(), faults.join("\n"));
    every_cell_was_tried(&seen, &table);
    every_rule_was_tried(&seen, &table);
    place.stop().await;
}
