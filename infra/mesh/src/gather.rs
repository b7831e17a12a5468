//! Work that goes together: what comes while one transaction runs goes into the next one.
//!
//! Where little is to be done each piece goes at once and alone; where much is, a commit serves many.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use neipix_proto::access::v1::ErrorReason;
use tokio::{sync::oneshot, time::Instant};

use crate::{db::SLOW, failure::Failure, tasks::Tasks};

/// Does pieces of work in one transaction, and answers one by one, in their order.
type Work<T, R> = dyn for<'a> Fn(&'a [T]) -> BoxFuture<'a, Result<Vec<R>, Failure>> + Send + Sync;

/// A line before one kind of transaction. Cheap to clone.
pub struct Gather<T, R>(Arc<Desk<T, R>>);

impl<T, R> Clone for Gather<T, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Desk<T, R> {
    name: &'static str,
    tasks: Tasks,
    gap: Duration,
    most: usize,
    line: Mutex<Line<T, R>>,
    work: Box<Work<T, R>>,
}

struct Line<T, R> {
    waiting: VecDeque<(T, Told<R>)>,
    served: bool,
    began: Option<Instant>,
}

type Told<R> = oneshot::Sender<Result<R, Failure>>;

impl<T: Send + Sync + 'static, R: Send + 'static> Gather<T, R> {
    /// A line with one transaction at a time, of at most `most` pieces, which begins `gap` after the one before at the
    /// earliest: the first piece after a calm goes at once, those behind it together. The work is all of its pieces, or none.
    pub fn new<F>(name: &'static str, tasks: Tasks, most: usize, gap: Duration, work: F) -> Self
    where
        F: for<'a> Fn(&'a [T]) -> BoxFuture<'a, Result<Vec<R>, Failure>> + Send + Sync + 'static,
    {
        let line = Mutex::new(Line { waiting: VecDeque::new(), served: false, began: None });
        Self(Arc::new(Desk { name, tasks, gap, most: most.max(1), line, work: Box::new(work) }))
    }

    /// Has a piece done together with others. It is done all the same where the caller goes away.
    ///
    /// # Errors
    /// Its own: a piece that makes a transaction fail is done again without the others. UNAVAILABLE where Postgres is away,
    /// for all that went together: what became of them is not known then.
    pub async fn submit(&self, piece: T) -> Result<R, Failure> {
        let (told, mut done) = oneshot::channel();
        let first = {
            let mut line = self.0.line();
            line.waiting.push_back((piece, told));
            !std::mem::replace(&mut line.served, true)
        };
        if first {
            let desk = self.0.clone();
            self.0.tasks.spawn_apart(self.0.name, async move { desk.serve().await });
        }
        // Whoever waits for longer has a transaction before them that waits for a lock, and goes without it.
        let answer = match tokio::time::timeout(SLOW, &mut done).await {
            Ok(answer) => answer,
            Err(_) => {
                let desk = self.0.clone();
                self.0.tasks.spawn_apart(self.0.name, async move { while desk.step().await {} });
                done.await
            }
        };
        answer.unwrap_or_else(|_| Err(Failure::internal("work that was gathered came to no end")))
    }
}

impl<T: Send + Sync, R: Send> Desk<T, R> {
    fn line(&self) -> MutexGuard<'_, Line<T, R>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self) {
        let _leaving = Leaving(self);
        loop {
            let due = self.line().began.filter(|_| !self.gap.is_zero()).map(|began| began + self.gap);
            if let Some(due) = due {
                tokio::time::sleep_until(due).await;
            }
            if self.step().await {
                continue;
            }
            let mut line = self.line();
            if line.waiting.is_empty() {
                line.served = false;
                return;
            }
        }
    }

    /// Does what waits, in one transaction; false where nothing does.
    async fn step(&self) -> bool {
        let together = {
            let mut line = self.line();
            let most = line.waiting.len().min(self.most);
            if most > 0 {
                line.began = Some(Instant::now());
            }
            line.waiting.drain(..most).collect::<Vec<_>>()
        };
        let some = !together.is_empty();
        if some {
            self.work(together).await;
        }
        some
    }

    async fn work(&self, together: Vec<(T, Told<R>)>) {
        let (pieces, told): (Vec<T>, Vec<Told<R>>) = together.into_iter().unzip();
        match (self.work)(&pieces).await {
            Ok(answers) => {
                for (told, answer) in told.into_iter().zip(answers) {
                    // Whoever asked may be gone.
                    let _ = told.send(Ok(answer));
                }
            }
            Err(error) if pieces.len() == 1 || error.is(ErrorReason::Unavailable) => {
                let detail = error.detail().to_owned();
                let again = || Err(Failure::of(error.reason(), detail.clone()));
                let rest = told.len() - 1;
                let mut told = told.into_iter();
                for told in told.by_ref().take(rest) {
                    let _ = told.send(again());
                }
                if let Some(told) = told.next() {
                    let _ = told.send(Err(error));
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    pieces = pieces.len(),
                    "{} goes one by one",
                    self.name
                );
                for (piece, told) in pieces.iter().zip(told) {
                    let alone = (self.work)(std::slice::from_ref(piece)).await;
                    let alone = alone.map(|mut answers| answers.pop());
                    let answer = alone.and_then(|answer| answer.ok_or_else(|| Failure::internal("no answer")));
                    let _ = told.send(answer);
                }
            }
        }
    }
}

/// Makes room for the next one who serves, where this one panics.
struct Leaving<'a, T, R>(&'a Desk<T, R>);

impl<T, R> Drop for Leaving<'_, T, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
            line.served = false;
            // They hear that it came to no end.
            line.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::{FutureExt as _, future::join_all};
    use tokio::sync::Semaphore;

    use super::*;

    /// A line that doubles numbers when it is let; refuses 13, and knows how often it worked.
    fn doubling(most: usize) -> (Gather<u32, u32>, Arc<Semaphore>, Arc<AtomicUsize>) {
        let (gate, runs) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (let_in, ran) = (gate.clone(), runs.clone());
        let gather = Gather::new("doubling", Tasks::new(), most, Duration::ZERO, move |pieces: &[u32]| {
            let (let_in, ran) = (let_in.clone(), ran.clone());
            async move {
                let_in.acquire().await.map_err(Failure::internal)?.forget();
                ran.fetch_add(1, Ordering::Relaxed);
                match pieces {
                    _ if pieces.contains(&13) => Err(Failure::invalid("piece", "must not be 13")),
                    _ if pieces.contains(&99) => Err(Failure::unavailable("away")),
                    _ if pieces.contains(&666) => panic!("666"),
                    _ => Ok(pieces.iter().map(|n| n * 2).collect()),
                }
            }
            .boxed()
        });
        (gather, gate, runs)
    }

    async fn all(gather: &Gather<u32, u32>, gate: &Semaphore, pieces: &[u32]) -> Vec<Result<u32, Failure>> {
        let submitted = join_all(pieces.iter().map(|n| gather.submit(*n)));
        let opened = async {
            tokio::task::yield_now().await;
            gate.add_permits(100);
        };
        futures::future::join(submitted, opened).await.0
    }

    #[tokio::test]
    async fn what_comes_while_one_runs_goes_together_and_each_gets_its_own_answer() {
        let (gather, gate, runs) = doubling(3);
        let answers = all(&gather, &gate, &[1, 2, 3, 4, 5, 6, 7]).await;
        assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [2, 4, 6, 8, 10, 12, 14]);
        assert!((3..=4).contains(&runs.load(Ordering::Relaxed)), "{runs:?}");
        assert_eq!(gather.submit(21).await.unwrap(), 42, "and again after a calm");
    }

    #[tokio::test]
    async fn a_piece_that_fails_takes_no_other_with_it() {
        let (gather, gate, _) = doubling(10);
        let answers = all(&gather, &gate, &[1, 13, 3]).await;
        assert_eq!((answers[0].as_ref().unwrap(), answers[2].as_ref().unwrap()), (&2, &6));
        assert_eq!(answers[1].as_ref().unwrap_err().fields()[0].field, "piece");
    }

    #[tokio::test]
    async fn an_outage_is_everybodys_and_nothing_is_tried_again() {
        let (gather, gate, runs) = doubling(10);
        let answers = all(&gather, &gate, &[99, 2, 3]).await;
        let away = answers.iter().filter(|a| a.as_ref().is_err_and(|e| e.is(ErrorReason::Unavailable))).count();
        let done = answers.iter().filter(|a| a.is_ok()).count();
        assert!(away >= 1 && away + done == 3, "{answers:?}");
        assert!(runs.load(Ordering::Relaxed) <= 2, "{runs:?}");
    }

    #[tokio::test]
    async fn after_a_panic_the_line_is_served_again() {
        let (gather, gate, _) = doubling(10);
        let answers = all(&gather, &gate, &[666]).await;
        assert!(answers[0].as_ref().unwrap_err().is(ErrorReason::Internal));
        assert_eq!(gather.submit(4).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn one_that_waits_for_a_lock_holds_up_no_other() {
        let (gather, gate, runs) = doubling(1);
        let (first, second) = (gather.submit(1), gather.submit(2));
        let opened = async {
            while gather.0.line().waiting.iter().any(|(piece, _)| *piece == 2) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(runs.load(Ordering::Relaxed), 0, "the first one still waits");
            gate.add_permits(10);
        };
        let (first, second, ()) = futures::future::join3(first, second, opened).await;
        assert_eq!((first.unwrap(), second.unwrap()), (2, 4));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_is_worked_for_all_the_same() {
        let (gather, gate, runs) = doubling(10);
        assert!(gather.submit(1).now_or_never().is_none());
        gate.add_permits(10);
        assert_eq!(gather.submit(2).await.unwrap(), 4);
        assert!(runs.load(Ordering::Relaxed) >= 1);
    }
}
