//! Every rpc × everybody, directly at the services and through the edge, by REST and by gRPC.

use futures::{StreamExt as _, stream};
use neipix_proto::{Method, access::v1::Surface as Audience, auth::v1::PlatformRole, methods};
use neipix_tests::{
    client::Surface,
    faces::rest_calls,
    grpc::Outcome,
    permissions::{KEY, PLATFORM_ROLES, ROLES, Table, VISITOR, Who},
    telegram::Telegram,
    trust,
};
use prost_reflect::Value;

use crate::{
    callers::{Caller, Expect, everybody},
    mesh::in_mesh,
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
    ("Quote", "UNPRICED"),
    // One person's test dialogue holds no turn of another's.
    ("ExplainSimulatedTurn", "NOT_FOUND"),
    ("Simulate", "SIMULATION_BUSY"),
    ("Simulate", "SIMULATION_FULL"),
    // No door here is a browser's page.
    ("StartVisitor", "ORIGIN_FORBIDDEN"),
    ("ResetVisitor", "ORIGIN_FORBIDDEN"),
    ("SendVisitorMessage", "ORIGIN_FORBIDDEN"),
    ("SendVisitorMessageStream", "ORIGIN_FORBIDDEN"),
    ("NotifyVisitorTyping", "ORIGIN_FORBIDDEN"),
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

/// How many doors are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breadth {
    /// Every door of every host at each edge, every face of each rpc, and each process of a service.
    Whole,
    /// Every caller at every rpc once directly and once at the caller's own host: by REST and by gRPC in turn, at one
    /// edge and one process after the other. It leaves out the hosts of others, second faces of an rpc, and the other
    /// door, edge and process of each single call.
    Once,
}

impl Breadth {
    fn views(self, place: &Place) -> Vec<Place> {
        if self == Self::Whole { place.views() } else { vec![place.clone()] }
    }

    /// The doors of the edge that a caller tries; `faces` are the REST faces of the rpc, `nth` counts the calls.
    fn doors(self, caller: &Caller, faces: usize, nth: usize) -> Vec<Door> {
        let own = caller.audience;
        if self == Self::Once {
            let by_rest = faces > 0 && nth.is_multiple_of(2);
            return vec![if by_rest { Door::Rest(own, 0) } else { Door::Grpc(own) }];
        }
        let mut doors = Vec::new();
        for at in HOSTS {
            // At the hosts of others one face shows what all do, and the mightiest show what nobody may.
            if at == own || MIGHTY.contains(&caller.name.as_str()) {
                doors.push(Door::Grpc(at));
            }
            let shown = if at == own { faces } else { faces.min(1) };
            doors.extend((0..shown).map(|face| Door::Rest(at, face)));
        }
        doors
    }
}

/// What the matrix is tried with.
struct Trial<'a> {
    maker: &'a Maker<'a>,
    table: &'a Table,
    breadth: Breadth,
}

impl Trial<'_> {
    /// All calls of one caller to one rpc.
    async fn doors(&self, caller: &Caller, method: &'static Method, nth: usize) -> Vec<Seen> {
        let faces = method.bindings.len().max(usize::from(!method.face.is_empty()));
        let mut doors = self.breadth.doors(caller, faces, nth);
        if !method.is_internal() {
            doors.insert(0, Door::Direct);
        }
        let mut seen = Vec::new();
        for place in self.breadth.views(self.maker.place) {
            for door in &doors {
                let outcome = self.call(&place, caller, method, *door).await;
                seen.push(Seen { caller: caller.clone(), method, door: *door, outcome });
            }
        }
        seen
    }

    async fn call(&self, place: &Place, caller: &Caller, method: &'static Method, door: Door) -> Outcome {
        let rule = self.table.rule(&method.name);
        let meant = match door {
            Door::Direct => caller.directly(self.table, rule),
            Door::Grpc(at) | Door::Rest(at, _) => caller.through_edge(self.table, method, rule, at),
        };
        let meant = if meant == Expect::Through { Meant::ToPass } else { Meant::ToFail };
        let request = self.maker.request(method, meant).await;
        let credential = caller.credential.as_deref();
        match door {
            Door::Direct => place.direct("edge", method, &request, caller.token.as_deref()).await,
            Door::Grpc(at) => place.grpc(host(at), method, &request, credential).await,
            Door::Rest(at, face) => {
                let call = rest_calls(method, &request).swap_remove(face);
                place.rest_call(host(at), &call, credential).await
            }
        }
    }

    /// Everybody at every rpc.
    async fn everything(&self, callers: &[Caller]) -> Vec<Seen> {
        let all = methods().all().into_iter().enumerate();
        let pairs = all.flat_map(|(m, method)| callers.iter().enumerate().map(move |(c, who)| (who, method, m + c)));
        let tried = stream::iter(pairs).map(|(caller, method, nth)| self.doors(caller, method, nth));
        tried.buffer_unordered(AT_ONCE).flat_map(stream::iter).collect().await
    }

    /// Each process at each rpc, with nobody's token and with the owner's.
    async fn processes(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for place in self.breadth.views(self.maker.place) {
            faults.extend(processes(&place, self.maker, self.table).await);
        }
        faults
    }
}

async fn processes(place: &Place, maker: &Maker<'_>, table: &Table) -> Vec<String> {
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
                let outcome = place.direct(process, method, &request, None).await;
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
        let outcome = place.direct(process, method, &request, token).await;
        let (status, reason) = outcome.short();
        let good = match may {
            true => status == 200 || FAIR.contains(&(method.descriptor.name(), reason)),
            false => (status, reason) == (403, "PERMISSION_DENIED"),
        };
        (!good).then(|| format!("{process} → {} (may: {may}): {outcome:?}", method.name))
    });
    tried.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

/// Turning over any cell of the table that an rpc stands for turns the suite red, and it names an rpc and the role.
fn every_planted_cell_is_named(seen: &[Seen], table: &Table) {
    let mut planted = 0;
    for permission in table.permissions() {
        let needs = Who::Permission(permission.to_owned());
        let calls: Vec<&Seen> = seen.iter().filter(|one| table.rule(&one.method.name).who == needs).collect();
        if calls.is_empty() {
            continue;
        }
        let roles = match permission {
            of_platform if of_platform.starts_with("platform.") => PLATFORM_ROLES.as_slice(),
            // Nobody else has a token for the widget's host.
            of_visitors if table.holds(VISITOR, of_visitors) => &[VISITOR],
            _ => ROLES.as_slice(),
        };
        // What a key may not hold, no key can be made with; the guard's own table is compared elsewhere.
        let key = table.holds(KEY, permission).then_some(KEY);
        for column in roles.iter().copied().chain(key) {
            let other = table.with_flipped(column, permission);
            let named = |one: &&Seen| {
                let fault = one.fault(&other);
                fault.is_some_and(|fault| fault.starts_with(column) && fault.contains(&one.method.name))
            };
            assert!(calls.iter().any(named), "nobody named {column} {permission}");
            planted += 1;
        }
    }
    assert!(planted > 70, "{planted}");
}

/// So does any other permission of an rpc that somebody else holds.
fn every_planted_rule_is_named(seen: &[Seen], table: &Table) {
    for method in methods().all() {
        let Who::Permission(needed) = &table.rule(&method.name).who else { continue };
        let calls: Vec<&Seen> = seen.iter().filter(|one| one.method.name == method.name).collect();
        for other in table.permissions().filter(|other| table.differ(needed, other)) {
            let planted = table.with_permission(&method.name, other);
            let named = calls.iter().any(|one| one.fault(&planted).is_some_and(|fault| fault.contains(&method.name)));
            assert!(named, "nobody named {} with {other} in place of {needed}", method.name);
        }
    }
}

/// Everybody at every rpc, and what was seen compared with the table, and with every table that differs in one permission.
async fn answers_as_the_table_says(place: &Place, telegram: &Telegram, breadth: Breadth) {
    let table = Table::checked_in();
    let world = World::make(place, telegram).await;
    let staff = place.login(&staff(place, PlatformRole::Superadmin).await, Audience::Admin).await.access_token;
    let platform = platform_seeds(&place.rest(Surface::Admin).bearer(&staff)).await;
    let maker = Maker { place, telegram, world: &world, platform: &platform, staff: &staff };
    let callers = everybody(place, &world).await;
    let trial = Trial { maker: &maker, table: &table, breadth };
    let seen = trial.everything(&callers).await;
    let mut faults: Vec<String> = seen.iter().filter_map(|one| one.fault(&table)).collect();
    faults.extend(trial.processes().await);
    assert!(faults.is_empty(), "{} of {} calls:\n{}", faults.len(), seen.len(), faults.join("\n"));
    every_planted_cell_is_named(&seen, &table);
    every_planted_rule_is_named(&seen, &table);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_everybody_as_the_table_says() {
    trust!("INV-50", "S-1", "M-16");
    let telegram = Telegram::start().await.expect("the stand-in");
    let place = Place::one_process(&telegram).await;
    answers_as_the_table_says(&place, &telegram, Breadth::Whole).await;
    place.stop().await;
}

#[test]
fn every_rpc_answers_everybody_as_the_table_says_in_the_mesh() {
    trust!("INV-50", "S-1", "M-16");
    in_mesh(async |place, telegram| answers_as_the_table_says(place, telegram, Breadth::Once).await);
}

#[test]
#[ignore = "takes minutes: `make faults` runs it"]
fn every_door_and_process_of_the_mesh_answers_everybody_as_the_table_says() {
    trust!("INV-50", "S-1", "M-16");
    in_mesh(async |place, telegram| answers_as_the_table_says(place, telegram, Breadth::Whole).await);
}
