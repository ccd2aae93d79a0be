//! Counts the CPU time of one call.
//!
//! A guest runs on a fiber inside a future, so what it uses is the time that
//! future is being polled: guest code, the runtime's own work on its behalf
//! (`memory.grow`, bulk copies, lifting and lowering) and WASI. Not counted is
//! the time it is suspended, be it waiting or having yielded to others, and the
//! time the engine answers a host call, which runs [`Clock::outside`]. Time is
//! the thread's as the wall clock sees it.
//!
//! Store call hooks would not do: they bracket the runtime's library calls like
//! host calls, and a guest that spends its life in `memory.fill` would run free.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The CPU time of one call; it runs while the call is polled and not outside.
///
/// Shared between the future that is metered and the host functions inside it:
/// only one of them touches it at a time, and the executor orders their accesses
/// when the future moves between threads.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    /// Nanoseconds of the stretches that have ended.
    spent: AtomicU64,
    /// When the running stretch began, in nanoseconds since `base` plus one; 0 while stopped.
    since: AtomicU64,
    polled: AtomicBool,
    outside: AtomicBool,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            base: Instant::now(),
            spent: AtomicU64::new(0),
            since: AtomicU64::new(0),
            polled: AtomicBool::new(false),
            outside: AtomicBool::new(false),
        }
    }

    /// What has been counted, up to now.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed) + self.stretch(self.since.load(Relaxed)))
    }

    /// Runs a future and counts the time it is polled.
    pub(crate) async fn meter<F: Future>(&self, future: F) -> F::Output {
        Metered { clock: self, future: pin!(future) }.await
    }

    /// Runs a future inside a metered one without counting its time.
    pub(crate) async fn outside<F: Future>(&self, future: F) -> F::Output {
        let _outside = Outside::enter(self);
        future.await
    }

    fn start(&self) {
        if self.polled.load(Relaxed) && !self.outside.load(Relaxed) {
            self.since.store(self.now(), Relaxed);
        }
    }

    fn stop(&self) {
        let since = self.since.swap(0, Relaxed);
        self.spent.fetch_add(self.stretch(since), Relaxed);
    }

    fn stretch(&self, since: u64) -> u64 {
        if since == 0 { 0 } else { self.now().saturating_sub(since) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
    }
}

struct Metered<'a, F> {
    clock: &'a Clock,
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.clock.polled.store(true, Relaxed);
        self.clock.start();
        let poll = self.future.as_mut().poll(context);
        self.clock.stop();
        self.clock.polled.store(false, Relaxed);
        poll
    }
}

/// Ends on drop, so that a future that is cancelled half-way leaves the clock right.
struct Outside<'a>(&'a Clock);

impl<'a> Outside<'a> {
    fn enter(clock: &'a Clock) -> Self {
        clock.stop();
        clock.outside.store(true, Relaxed);
        Self(clock)
    }
}

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.0.outside.store(false, Relaxed);
        self.0.start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    const LONG: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn counts_work_and_neither_waiting_nor_work_outside() {
        let (clock, start) = (Clock::new(), Instant::now());
        clock
            .meter(async {
                work(LONG);
                tokio::time::sleep(LONG).await;
                clock
                    .outside(async {
                        work(LONG);
                        tokio::task::yield_now().await;
                        work(LONG);
                    })
                    .await;
                work(LONG);
            })
            .await;
        let spent = clock.elapsed();
        let total = start.elapsed();
        assert!(spent >= LONG * 2 && spent <= total - LONG * 3, "{spent:?} of {total:?}");
        assert_eq!(clock.elapsed(), spent, "a stopped clock stands still");
    }

    #[tokio::test]
    async fn stands_still_when_nobody_is_metered() {
        let clock = Clock::new();
        clock.outside(async { work(LONG) }).await;
        work(LONG);
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }
}
