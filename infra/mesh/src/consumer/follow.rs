//! Following one producer's streams.

use std::{collections::BTreeSet, time::Duration};

use ::redis::{
    AsyncCommands as _,
    aio::MultiplexedConnection,
    streams::{
        StreamAutoClaimOptions, StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamReadOptions,
        StreamReadReply,
    },
};
use futures::StreamExt as _;
use tokio::time::Instant;

use super::{
    Consumer,
    retry::{Entry, Retries},
    wire::{EventRow, Place, parse},
};
use crate::{events, failure::Failure, shutdown::Shutdown};

/// Entries read of each stream in one go.
const BATCH: usize = 50;
/// How long a read waits for news.
const BLOCK: Duration = Duration::from_secs(1);
/// Rounds that bring something are at least so far apart: what comes first after a calm is applied at once, what follows together.
const GATHER: Duration = Duration::from_millis(25);
/// The producer is told what was applied no more often: nobody waits for it.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Entries of a consumer that died are taken over after this long.
const CLAIM_AFTER: Duration = Duration::from_secs(15);
/// Events applied in one transaction.
const TOGETHER_MOST: usize = 64;
/// Events applied at once, where each goes alone.
const AT_ONCE: usize = 4;
/// Ids in one AckEvents, as its rule says.
const TOLD_AT_ONCE: usize = 1_000;
/// Ids that wait for a producer which does not answer; what is beyond is confirmed when it is published again.
const UNTOLD_MOST: usize = 10_000;
/// A producer that did not answer is told again after this long: waiting for it would hold up the events.
const TELL_AGAIN: Duration = Duration::from_secs(2);
/// A name of a consumer that was silent for this long, and has nothing, is of a process that is gone.
const GONE_AFTER: Duration = Duration::from_secs(3_600);

/// Reads one producer's streams until shutdown, and begins anew after every break.
pub(super) async fn follow(consumer: &Consumer, service: &'static str, shutdown: &Shutdown) {
    let mut follower = Follower {
        consumer,
        service,
        name: format!("{}-{:016x}", consumer.own, rand::random::<u64>()),
        streams: (0..events::SHARDS).map(|shard| events::stream(service, shard)).collect(),
        retries: Retries::default(),
        untold: BTreeSet::new(),
        tell_at: Instant::now(),
    };
    let mut pause = Duration::from_millis(100);
    while !shutdown.begun() {
        let began = Instant::now();
        if let Err(error) = follower.read(shutdown).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "events of {service} are not heard");
        }
        pause = if began.elapsed() > CLAIM_AFTER { Duration::from_millis(100) } else { pause * 2 };
        pause = pause.min(Duration::from_secs(2));
        if !shutdown.sleep(pause).await {
            return;
        }
    }
}

struct Follower<'a> {
    consumer: &'a Consumer,
    service: &'static str,
    name: String,
    streams: Vec<String>,
    retries: Retries,
    /// Applied; the producer does not know yet.
    untold: BTreeSet<i64>,
    tell_at: Instant,
}

fn fail(error: ::redis::RedisError) -> Failure {
    Failure::from(crate::redis::RedisError::from(error))
}

impl Follower<'_> {
    async fn read(&mut self, shutdown: &Shutdown) -> Result<(), Failure> {
        let mut connection = self.consumer.redis.blocking(BLOCK).await?;
        self.make_groups(&mut connection).await?;
        let options = StreamReadOptions::default()
            .group(self.consumer.own, &self.name)
            .count(BATCH)
            .block(usize::try_from(BLOCK.as_millis()).unwrap_or(1_000));
        let news: Vec<&str> = vec![">"; self.streams.len()];
        let mut claimed = Instant::now();
        while !shutdown.begun() {
            let reply: Option<StreamReadReply> =
                connection.xread_options(&self.streams, &news, &options).await.map_err(fail)?;
            let mut came = vec![];
            for key in reply.map(|r| r.keys).unwrap_or_default() {
                let stream = self.streams.iter().position(|s| *s == key.key).unwrap_or_default();
                came.extend(key.ids.into_iter().map(|entry| (stream, entry)));
            }
            if claimed.elapsed() > CLAIM_AFTER {
                claimed = Instant::now();
                came.extend(self.claim(&mut connection).await?);
            }
            let (began, some) = (Instant::now(), !came.is_empty());
            self.work(came, &mut connection).await?;
            if some {
                shutdown.sleep(GATHER.saturating_sub(began.elapsed())).await;
            }
        }
        Ok(())
    }

    /// Makes the group of each stream, and forgets processes of it that are gone.
    async fn make_groups(&self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        let group = self.consumer.own;
        for stream in &self.streams {
            let made: Result<(), _> = connection.xgroup_create_mkstream(stream, group, "0").await;
            match made {
                Err(error) if error.code() != Some("BUSYGROUP") => return Err(fail(error)),
                Err(_) => {}
                Ok(()) => continue,
            }
            let known: StreamInfoConsumersReply = connection.xinfo_consumers(stream, group).await.map_err(fail)?;
            let silent = |idle: usize| idle as u128 > GONE_AFTER.as_millis();
            for gone in known.consumers.iter().filter(|c| c.pending == 0 && silent(c.idle)) {
                let _: usize = connection.xgroup_delconsumer(stream, group, &gone.name).await.map_err(fail)?;
            }
        }
        Ok(())
    }

    /// Takes over what others, or this one before a break, read and did not finish.
    async fn claim(&self, connection: &mut MultiplexedConnection) -> Result<Vec<(usize, StreamId)>, Failure> {
        let idle = usize::try_from(CLAIM_AFTER.as_millis()).unwrap_or(15_000);
        let mut pipe = ::redis::pipe();
        for stream in &self.streams {
            let options = StreamAutoClaimOptions::default().count(BATCH);
            pipe.xautoclaim_options(stream, self.consumer.own, &self.name, idle, "0-0", options);
        }
        let replies: Vec<StreamAutoClaimReply> = pipe.query_async(connection).await.map_err(fail)?;
        let came = replies.into_iter().enumerate();
        Ok(came.flat_map(|(stream, reply)| reply.claimed.into_iter().map(move |entry| (stream, entry))).collect())
    }

    /// Applies what came and what is to be tried again, tells the producer, then Redis.
    async fn work(
        &mut self,
        came: Vec<(usize, StreamId)>,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), Failure> {
        let (mut finished, mut fresh) = (vec![], vec![]);
        let due = self.retries.due(Instant::now());
        for (stream, entry) in came {
            let place = Place { stream, entry: entry.id.clone() };
            match parse(self.service, &entry) {
                None => {
                    tracing::error!(entry = entry.id, "an entry of {} is no event", self.streams[stream]);
                    finished.push(place);
                }
                Some(event) => match self.retries.entry(event.event_id, &place) {
                    Entry::Fresh if self.consumer.handler(&event).is_some() => fresh.push((place, event)),
                    Entry::Fresh => {
                        self.not_ours(&event);
                        finished.push(place);
                    }
                    Entry::Spare => finished.push(place),
                    Entry::Waits => {}
                },
            }
        }
        finished.extend(self.apply_fresh(fresh).await);
        finished.extend(self.apply_all(due).await);
        self.tell().await;
        self.finish(finished, connection).await
    }

    /// A kind that this service takes no interest in is done; one that it should apply and cannot stays unconfirmed.
    fn not_ours(&self, event: &EventRow) {
        if events::consumers(&event.kind).contains(&self.consumer.own) {
            tracing::error!(
                event.kind,
                "{} is listed as a consumer of {} and has no handler for it: it stays unconfirmed",
                self.consumer.own,
                event.kind
            );
        }
    }

    /// Applies what came for the first time: together, and one by one where one of them spoils it.
    async fn apply_fresh(&mut self, mut events: Vec<(Place, EventRow)>) -> Vec<Place> {
        let mut finished = vec![];
        // In one order everywhere, so that two processes do not wait for each other.
        events.sort_by_key(|(_, event)| (event.workspace, event.outbox_id));
        while !events.is_empty() {
            let some: Vec<(Place, EventRow)> = events.drain(..events.len().min(TOGETHER_MOST)).collect();
            let together: Vec<&EventRow> = some.iter().map(|(_, event)| event).collect();
            if together.len() == 1 || self.consumer.apply_together(&together).await.is_err() {
                finished.extend(self.apply_all(some).await);
                continue;
            }
            for (place, event) in some {
                self.applied(&event);
                finished.push(place);
            }
        }
        finished
    }

    fn applied(&mut self, event: &EventRow) {
        self.retries.applied(event.event_id);
        // Also told where nobody is listed to wait for it: the producer's list may be newer than ours.
        if self.untold.len() < UNTOLD_MOST {
            self.untold.insert(event.outbox_id);
        }
    }

    /// Applies events, each alone; answers the places that are finished with.
    async fn apply_all(&mut self, events: Vec<(Place, EventRow)>) -> Vec<Place> {
        let consumer = self.consumer;
        let work = events.into_iter().filter_map(|(place, event)| {
            let handler = consumer.handler(&event)?;
            Some(async move {
                let applied = consumer.apply(&event, handler).await;
                (place, event, applied)
            })
        });
        let mut results = futures::stream::iter(work).buffer_unordered(AT_ONCE);
        let mut finished = vec![];
        while let Some((place, event, applied)) = results.next().await {
            if let Err(error) = applied {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    event.kind,
                    "event {} of {} was not applied; it comes again",
                    event.event_id,
                    event.service
                );
                metrics::counter!("neipix_events_failed_total", "consumer" => consumer.own, "kind" => event.kind.clone())
                    .increment(1);
                // Without room here it must come from the outbox again: an entry that nobody remembers would only pile up.
                if !self.retries.failed(place.clone(), event, Instant::now()) {
                    finished.push(place);
                }
                continue;
            }
            self.applied(&event);
            finished.push(place);
        }
        finished
    }

    /// Tells the producer; where it does not answer, the next round does, or its outbox asks again.
    async fn tell(&mut self) {
        while !self.untold.is_empty() && Instant::now() >= self.tell_at {
            let some: Vec<i64> = self.untold.iter().copied().take(TOLD_AT_ONCE).collect();
            if let Err(error) = self.consumer.tell(self.service, some.clone()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    waiting = self.untold.len(),
                    "{} does not take confirmations",
                    self.service
                );
                self.tell_at = Instant::now() + TELL_AGAIN;
                return;
            }
            for id in some {
                self.untold.remove(&id);
            }
            if self.untold.is_empty() {
                self.tell_at = Instant::now() + TELL_EVERY;
            }
        }
    }

    async fn finish(&self, places: Vec<Place>, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        if places.is_empty() {
            return Ok(());
        }
        let mut pipe = ::redis::pipe();
        for place in &places {
            pipe.xack(&self.streams[place.stream], self.consumer.own, &[&place.entry]).ignore();
        }
        pipe.query_async::<()>(connection).await.map_err(fail)
    }
}
