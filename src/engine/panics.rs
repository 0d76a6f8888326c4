//! Workers that panic, at each of their batches.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::worker::ShardWorker;
use super::{Config, Sinks, Threads, run};
use crate::input::Input;
use crate::output::rejects::RejectedRow;

/// Which worker panics, and when.
#[derive(Clone, Debug)]
pub(crate) struct PanicAt {
    worker: usize,
    /// Counted from 1.
    batch: u64,
    /// Shared with every worker that is not gone yet.
    alive: Arc<()>,
}

/// What a worker carries: the batches left to it, if it is the one that panics.
pub(super) struct Fuse {
    left: Option<u64>,
    _alive: Arc<()>,
}

impl Fuse {
    /// One more batch.
    pub(super) fn burn(&mut self) {
        if let Some(left) = &mut self.left {
            *left -= 1;
            assert!(*left > 0, "told to");
        }
    }
}

/// Gives every worker a fuse, if one is to panic.
pub(super) fn with_fuses<'s>(
    workers: impl Iterator<Item = ShardWorker<'s>>,
    config: &Config,
) -> impl Iterator<Item = ShardWorker<'s>> {
    workers.enumerate().map(|(index, mut worker)| {
        worker.fuse = config.panic_at.as_ref().map(|at| Fuse {
            left: (at.worker == index).then_some(at.batch),
            _alive: Arc::clone(&at.alive),
        });
        worker
    })
}

/// Rows of several clients, every third of them a duplicate.
fn rows() -> String {
    let rows = (0..600_u32).map(|row| format!("deposit,{},{},1\n", row % 7, row - row % 3 / 2));
    "type,client,tx,amount\n".to_owned() + &rows.collect::<String>()
}

/// Runs with a worker that panics, and tells whether it did. Every worker is gone afterwards.
fn panics(config: &Config, worker: usize, batch: u64, reporting: bool) -> bool {
    let alive = Arc::new(());
    let at = PanicAt { worker, batch, alive: Arc::clone(&alive) };
    let config = Config { panic_at: Some(at), ..config.clone() };
    let mut reported = 0;
    let mut sink = |_: &RejectedRow<'_>| {
        reported += 1;
        Ok(())
    };
    let sinks = if reporting { Sinks { rejects: Some(&mut sink) } } else { Sinks::default() };
    let result =
        catch_unwind(AssertUnwindSafe(|| run(&config, vec![Input::bytes("rows", rows())], sinks)));
    drop(config);
    assert_eq!(Arc::strong_count(&alive), 1);
    match result {
        Ok(report) => {
            assert_eq!(report.unwrap().summary.rows, 600);
            false
        }
        Err(panic) => {
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"told to"));
            true
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of runs; the pipeline's own tests have workers that panic")]
fn a_worker_that_panics_at_any_of_its_batches_ends_the_run_and_every_worker_is_gone() {
    let mut panicked = 0;
    for threads in [Threads::Always, Threads::Never] {
        for readers in [1, 3] {
            for reporting in [true, false] {
                let config = Config {
                    workers: NonZeroUsize::new(3),
                    readers: NonZeroUsize::new(readers),
                    threads,
                    batch_rows: 16,
                    block_bytes: NonZeroUsize::new(500),
                    ..Config::default()
                };
                for worker in 0..3 {
                    let batches = (1..).take_while(|&at| panics(&config, worker, at, reporting));
                    let batches = batches.count();
                    assert!(batches >= 5, "worker {worker} had {batches} batches");
                    panicked += batches;
                }
            }
        }
    }
    assert!(panicked > 200, "{panicked} panics");
}
