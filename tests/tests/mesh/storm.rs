//! Twenty conversations that go on while processes die, sleep and come back.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use neipix_local::mesh::shape::REPLICAS;
use neipix_tests::{poll::eventually_within, provider::Behaviour};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    auditor::Journal,
    house::{ANSWER, House, MODEL},
};

/// Conversations at a time.
const CONVERSATIONS: usize = 20;
/// Questions of one customer: after ten quick turns a dialogue goes to a person, as two machines' would.
const QUESTIONS: usize = 8;
/// Acknowledged messages between two blows: everything goes on meanwhile.
const PROGRESS: usize = 10;
/// A blow may cost a lease, a restart and the queue behind them.
const GOES_ON: Duration = Duration::from_secs(60);
/// Everybody that can die.
pub const ROLES: [&str; 6] = ["svc-auth", "svc-assistants", "svc-billing", "svc-chats", "svc-admin", "edge"];

/// What befalls the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL and a new process.
    Kill(&'static str, usize),
    /// SIGSTOP, and SIGCONT after so many acknowledged messages of others.
    Sleep(&'static str, usize),
    /// SIGKILL of Postgres.
    Postgres,
    /// SIGKILL of Redis.
    Redis,
}

impl fmt::Display for Blow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(service, number) => write!(out, "kill {service}-{number}"),
            Self::Sleep(service, number) => write!(out, "sleep {service}-{number}"),
            Self::Postgres => write!(out, "kill postgres"),
            Self::Redis => write!(out, "kill redis"),
        }
    }
}

/// Blows in an order that the seed alone decides.
pub struct Fate(StdRng);

impl Fate {
    pub fn of(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Each role once, and both servers.
    pub fn each_once(&mut self) -> Vec<Blow> {
        let mut blows: Vec<Blow> =
            ROLES.into_iter().map(|role| Blow::Kill(role, self.0.random_range(0..REPLICAS))).collect();
        blows.extend([Blow::Postgres, Blow::Redis]);
        blows.shuffle(&mut self.0);
        blows
    }

    /// Any so many.
    pub fn any(&mut self, count: usize) -> Vec<Blow> {
        let mut one = || {
            let (role, number) = (ROLES[self.0.random_range(0..ROLES.len())], self.0.random_range(0..REPLICAS));
            match self.0.random_range(0..20_u8) {
                0 => Blow::Postgres,
                1 => Blow::Redis,
                2..=5 => Blow::Sleep(role, number),
                _ => Blow::Kill(role, number),
            }
        };
        (0..count).map(|_| one()).collect()
    }
}

/// Conversations under way.
struct Talk {
    senders: Vec<JoinHandle<Journal>>,
    acknowledged: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Talk {
    fn begin(house: &'static House) -> Self {
        // Long enough for a blow to fall into it.
        house.provider.on_model(MODEL, Behaviour::text(ANSWER).each_token_after(Duration::from_millis(20)));
        let (acknowledged, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let senders = (0..CONVERSATIONS).map(|_| {
            let (acknowledged, over) = (acknowledged.clone(), over.clone());
            tokio::spawn(async move {
                let mut journal = Journal::default();
                while !over.load(Ordering::SeqCst) {
                    let contact = format!("storm-{}", Uuid::now_v7().simple());
                    for n in 0..QUESTIONS {
                        let id = format!("m{n}");
                        let answer = house.ask(&contact, &id).await;
                        journal.acknowledged(&contact, &id, &answer);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                }
                journal
            })
        });
        Self { senders: senders.collect(), acknowledged, over }
    }

    /// Waits until that many more messages were acknowledged.
    async fn goes_on(&self, house: &House, after: &str) {
        let wanted = self.acknowledged.load(Ordering::SeqCst) + PROGRESS;
        eventually_within(GOES_ON, &format!("conversations go on after {after}"), async || {
            let failed = self.senders.iter().any(JoinHandle::is_finished);
            assert!(!failed, "a sender gave up after {after}\n{}", house.mesh.last_words());
            (self.acknowledged.load(Ordering::SeqCst) >= wanted).then_some(())
        })
        .await;
    }

    async fn end(self) -> Journal {
        self.over.store(true, Ordering::SeqCst);
        let mut all = Journal::default();
        for sender in self.senders {
            all.append(sender.await.unwrap());
        }
        all
    }
}

/// Lets the blows fall while everybody talks, then audits. Answers what was acknowledged.
pub async fn round(house: &'static House, blows: &[Blow]) -> Journal {
    let talk = Talk::begin(house);
    talk.goes_on(house, "the beginning").await;
    for blow in blows {
        let what = blow.to_string();
        match *blow {
            Blow::Kill(service, number) => {
                house.mesh.kill(service, number).await;
                talk.goes_on(house, &what).await;
                house.mesh.start_again(service, number, &[]).await;
            }
            Blow::Sleep(service, number) => {
                house.mesh.signal(service, number, libc::SIGSTOP);
                talk.goes_on(house, &what).await;
                house.mesh.signal(service, number, libc::SIGCONT);
            }
            Blow::Postgres => house.mesh.restart_postgres().await,
            Blow::Redis => house.mesh.restart_redis().await,
        }
        talk.goes_on(house, &what).await;
    }
    let journal = talk.end().await;
    journal.audit(house).await;
    journal
}
