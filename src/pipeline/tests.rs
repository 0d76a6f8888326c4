//! The hand-off, with workers that have nothing to do with money.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// More batches than the queues hold, by far; Miri takes its time for each.
const MANY: u64 = if cfg!(miri) { 30 } else { 1_000 };
const WORKERS: &[usize] = if cfg!(miri) { &[2] } else { &[1, 2, 7] };

/// Adds numbers up, reports each, and panics at one of them.
struct Adder<'a> {
    sum: u64,
    panic_at: Option<u64>,
    alive: &'a AtomicUsize,
}

impl<'a> Adder<'a> {
    fn new(alive: &'a AtomicUsize, panic_at: Option<u64>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self { sum: 0, panic_at, alive }
    }
}

impl Drop for Adder<'_> {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Worker for Adder<'_> {
    type Batch = Vec<u64>;
    type Report = u64;
    type Result = u64;

    fn work(&mut self, batch: &mut Vec<u64>, outbox: &mut dyn Outbox<u64>) -> Result<(), Stopped> {
        for number in batch.drain(..) {
            assert_ne!(Some(number), self.panic_at, "told to");
            self.sum += number;
            outbox.put(number)?;
        }
        Ok(())
    }

    fn finish(self) -> u64 {
        self.sum
    }
}

/// Keeps the reports, at most so many.
struct Keep {
    reports: Vec<u64>,
    most: usize,
}

impl Outbox<u64> for Keep {
    fn put(&mut self, report: u64) -> Result<(), Stopped> {
        self.reports.push(report);
        if self.reports.len() > self.most { Err(Stopped) } else { Ok(()) }
    }
}

fn settings(threads: bool) -> Settings {
    Settings { queue_batches: 2, pin: Pin::Auto, threads, helpers: 0 }
}

fn deal(lanes: &mut Lanes<'_, Adder<'_>>, numbers: u64) -> Result<(), Stopped> {
    let mut batch = Vec::new();
    for number in 0..numbers {
        let lane = usize::try_from(number).unwrap() % lanes.count();
        batch.push(number);
        batch = lanes.send(lane, batch)?;
        assert!(batch.is_empty());
    }
    lanes.put(numbers)
}

#[test]
fn every_batch_is_worked_once_with_and_without_threads() {
    for (threads, count) in [(false, 1), (false, 3), (true, 1), (true, 3), (true, 8)] {
        let alive = AtomicUsize::new(0);
        let workers = (0..count).map(|_| Adder::new(&alive, None)).collect();
        let mut keep = Keep { reports: Vec::new(), most: usize::MAX };
        let finished =
            run(&settings(threads), workers, |lanes| deal(lanes, MANY), &mut keep).unwrap();
        assert_eq!(finished.reader, Ok(()));
        assert_eq!(finished.workers.unwrap().iter().sum::<u64>(), MANY * (MANY - 1) / 2);
        keep.reports.sort_unstable();
        assert_eq!(keep.reports, (0..=MANY).collect::<Vec<_>>());
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_worker_that_panics_stops_the_run_and_every_thread_is_joined() {
    for &count in WORKERS {
        for panic_at in [0, 1, MANY / 2, MANY - 1] {
            let alive = AtomicUsize::new(0);
            let workers = (0..count).map(|_| Adder::new(&alive, Some(panic_at))).collect();
            let mut keep = Keep { reports: Vec::new(), most: usize::MAX };
            let result = catch_unwind(AssertUnwindSafe(|| {
                run(&settings(true), workers, |lanes| deal(lanes, 1_000_000), &mut keep)
            }));
            let panic = result.map(|_| ()).unwrap_err();
            assert!(panic.downcast_ref::<String>().unwrap().contains("told to"));
            assert_eq!(alive.load(Ordering::SeqCst), 0);
        }
    }
}

#[test]
fn a_reader_that_panics_stops_the_run_and_every_thread_is_joined() {
    let alive = AtomicUsize::new(0);
    let workers = (0..3).map(|_| Adder::new(&alive, None)).collect();
    let mut keep = Keep { reports: Vec::new(), most: usize::MAX };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let reader = |lanes: &mut Lanes<'_, Adder<'_>>| {
            deal(lanes, 100).unwrap();
            panic!("the reader was told to");
        };
        run::<_, (), _, _>(&settings(true), workers, reader, &mut keep)
    }));
    assert_eq!(
        result.map(|_| ()).unwrap_err().downcast_ref::<&str>(),
        Some(&"the reader was told to")
    );
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_collector_that_fails_stops_the_run() {
    for threads in [true, false] {
        let alive = AtomicUsize::new(0);
        let workers = (0..3).map(|_| Adder::new(&alive, None)).collect();
        let mut keep = Keep { reports: Vec::new(), most: 10 };
        let finished =
            run(&settings(threads), workers, |lanes| deal(lanes, 1_000_000), &mut keep).unwrap();
        assert_eq!(finished.reader, Err(Stopped));
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn no_more_batches_are_made_than_the_queue_holds() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    struct Counted(u64);
    impl Default for Counted {
        fn default() -> Self {
            MADE.fetch_add(1, Ordering::SeqCst);
            Self(0)
        }
    }
    struct Sink;
    impl Worker for Sink {
        type Batch = Counted;
        type Report = ();
        type Result = ();
        fn work(&mut self, batch: &mut Counted, _: &mut dyn Outbox<()>) -> Result<(), Stopped> {
            batch.0 = 0;
            Ok(())
        }
        fn finish(self) {}
    }
    struct Ignore;
    impl Outbox<()> for Ignore {
        fn put(&mut self, (): ()) -> Result<(), Stopped> {
            Ok(())
        }
    }
    let reader = |lanes: &mut Lanes<'_, Sink>| {
        let mut batch = Counted::default();
        for number in 0..10 * MANY {
            batch.0 = number;
            batch = lanes.send(0, batch).unwrap();
        }
    };
    run(&settings(true), vec![Sink], reader, &mut Ignore).unwrap();
    assert!(MADE.load(Ordering::SeqCst) <= settings(true).queue_batches + 2);
}
