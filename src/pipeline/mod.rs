//! The pipeline: one reader fills batches, each worker empties its own, and a collector takes what
//! both report. Helpers may prepare what the reader takes.
//!
//! Shared-nothing: a worker owns its state and is the only receiver of its queue, so a batch sent
//! to a worker that is gone fails at once instead of waiting for ever. Batches come back empty to
//! be filled again; their number bounds the memory. What is in a batch is not known here, nor that
//! there is money in the world.

mod ordered;
mod pin;
mod queue;
#[cfg_attr(all(test, shuttle), path = "scheduled.rs")]
mod system;

pub use ordered::{HELPER_PIECES, Helpers, Pieces, Supply};
pub use pin::{Pin, usable_cores};

use std::io;
use std::panic::resume_unwind;

use pin::Cores;
use queue::{Receiver, Sender, bounded};
use system::{ScopedJoinHandle, scope, spawn};

/// How a pipeline is set up.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Batches that may wait in the queue of each worker, at least 1.
    pub queue_batches: usize,
    /// Whether threads are pinned to cores.
    pub pin: Pin,
    /// Whether the reader and the workers run on threads of their own; without them everything
    /// runs in turn on the calling thread.
    pub threads: bool,
    /// Threads that the reader may have work done by, where there are threads.
    pub helpers: usize,
}

/// What empties the batches of one queue.
pub trait Worker: Send {
    /// What it works on; the default is an empty one.
    type Batch: Default + Send;
    /// What it tells the collector.
    type Report: Send;
    /// What is left of it at the end.
    type Result: Send;

    /// Works through a batch and leaves it empty.
    ///
    /// # Errors
    /// The collector is gone.
    fn work(
        &mut self,
        batch: &mut Self::Batch,
        outbox: &mut dyn Outbox<Self::Report>,
    ) -> Result<(), Stopped>;

    /// Ends the work.
    fn finish(self) -> Self::Result;
}

/// Where reports are put.
pub trait Outbox<R> {
    /// Hands a report to the collector.
    ///
    /// # Errors
    /// The collector is gone.
    fn put(&mut self, report: R) -> Result<(), Stopped>;
}

/// The other end of a queue is gone: its thread has stopped early, and this one should as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// What is left when every thread has ended.
#[derive(Debug)]
pub struct Finished<R, W> {
    /// What the reader returned.
    pub reader: R,
    /// What each worker left, in the order in which they were given, unless one has stopped early.
    pub workers: Result<Vec<W>, Stopped>,
}

/// The reader's view of the workers: a lane to each of them.
pub struct Lanes<'a, W: Worker> {
    inner: Inner<'a, W>,
    /// The core of each helper, if it is to be pinned.
    helper_cores: Vec<Option<usize>>,
}

enum Inner<'a, W: Worker> {
    Threads { lanes: Vec<Lane<W::Batch>>, reports: Sender<W::Report> },
    Inline { workers: &'a mut [W], collect: &'a mut dyn Outbox<W::Report> },
}

/// The reader's ends of one worker's queue.
struct Lane<B> {
    full: Sender<B>,
    empty: Receiver<B>,
    /// Batches that may still be made before the reader waits for one to come back.
    unmade: usize,
}

impl<W: Worker> Lanes<'_, W> {
    /// Tells how many workers there are.
    pub fn count(&self) -> usize {
        match &self.inner {
            Inner::Threads { lanes, .. } => lanes.len(),
            Inner::Inline { workers, .. } => workers.len(),
        }
    }

    /// Gives the helpers that the reader may start.
    pub fn helpers(&self) -> Helpers {
        Helpers { cores: self.helper_cores.clone() }
    }

    /// Sends a batch to the worker of `lane` and gives an empty one in return.
    ///
    /// Waits while the worker's queue is full.
    ///
    /// # Errors
    /// The worker has stopped early.
    pub fn send(&mut self, lane: usize, mut batch: W::Batch) -> Result<W::Batch, Stopped> {
        match &mut self.inner {
            Inner::Threads { lanes, .. } => lanes[lane].send(batch),
            Inner::Inline { workers, collect } => {
                workers[lane].work(&mut batch, *collect)?;
                Ok(batch)
            }
        }
    }
}

impl<W: Worker> Outbox<W::Report> for Lanes<'_, W> {
    fn put(&mut self, report: W::Report) -> Result<(), Stopped> {
        match &mut self.inner {
            Inner::Threads { reports, .. } => reports.put(report),
            Inner::Inline { collect, .. } => collect.put(report),
        }
    }
}

impl<B: Default> Lane<B> {
    fn send(&mut self, batch: B) -> Result<B, Stopped> {
        self.full.put(batch)?;
        if let Some(empty) = self.empty.try_take() {
            return Ok(empty);
        }
        if self.unmade > 0 {
            self.unmade -= 1;
            return Ok(B::default());
        }
        self.empty.take().ok_or(Stopped)
    }
}

impl<R> Outbox<R> for Sender<R> {
    fn put(&mut self, report: R) -> Result<(), Stopped> {
        self.send(report)
    }
}

/// Reports that may wait for the collector. One where schedules are checked: all must be able to
/// wait for it.
const QUEUED_REPORTS: usize = if cfg!(all(test, shuttle)) { 1 } else { 16 };

/// Runs `reader` and the workers until the reader returns and every batch is worked through.
///
/// The collector runs on the calling thread. When it fails, the threads find its queue gone and
/// stop. Every thread is joined before this returns.
///
/// # Errors
/// The system refuses a thread; nothing has been read then.
///
/// # Panics
/// When the reader, a worker or the collector panics: the others stop, all threads are joined, and
/// the panic goes on in the calling thread.
pub fn run<W, R, F, C>(
    settings: &Settings,
    workers: Vec<W>,
    reader: F,
    collector: &mut C,
) -> io::Result<Finished<R, W::Result>>
where
    W: Worker,
    R: Send,
    F: FnOnce(&mut Lanes<'_, W>) -> R + Send,
    C: Outbox<W::Report>,
{
    if settings.threads {
        run_on_threads(settings, workers, reader, collector)
    } else {
        Ok(run_inline(workers, reader, collector))
    }
}

fn run_inline<W, R, F, C>(
    mut workers: Vec<W>,
    reader: F,
    collector: &mut C,
) -> Finished<R, W::Result>
where
    W: Worker,
    F: FnOnce(&mut Lanes<'_, W>) -> R,
    C: Outbox<W::Report>,
{
    let inner = Inner::Inline { workers: &mut workers, collect: collector };
    let reader = reader(&mut Lanes { inner, helper_cores: Vec::new() });
    Finished { reader, workers: Ok(workers.into_iter().map(W::finish).collect()) }
}

fn run_on_threads<W, R, F, C>(
    settings: &Settings,
    workers: Vec<W>,
    reader: F,
    collector: &mut C,
) -> io::Result<Finished<R, W::Result>>
where
    W: Worker,
    R: Send,
    F: FnOnce(&mut Lanes<'_, W>) -> R + Send,
    C: Outbox<W::Report>,
{
    let first_helper = workers.len() + 1;
    let cores = Cores::for_threads(settings.pin, first_helper + settings.helpers);
    let helpers = first_helper..first_helper + settings.helpers;
    let helper_cores = helpers.map(|thread| cores.of(thread)).collect();
    let (reports, inbox) = bounded(QUEUED_REPORTS);
    scope(|scope| {
        let mut lanes = Vec::with_capacity(workers.len());
        let mut handles = Vec::with_capacity(workers.len());
        for (index, worker) in workers.into_iter().enumerate() {
            let (full, inbox) = bounded(settings.queue_batches);
            // Every batch of the lane fits the way back, so a worker never waits there.
            let made = settings.queue_batches + 2;
            let (outbox, empty) = bounded(made);
            lanes.push(Lane { full, empty, unmade: made - 1 });
            let (reports, cores) = (reports.clone(), &cores);
            let work = move || serve(worker, cores, index + 1, &inbox, outbox, reports);
            // Should it fail, the queues close and the workers started so far end.
            handles.push(spawn(scope, format!("worker-{index}"), work)?);
        }
        let core = cores.of(0);
        let read = move || {
            pin::pin_to(core);
            // Dropped when the reader returns or panics, which tells the workers to finish.
            let mut lanes = Lanes { inner: Inner::Threads { lanes, reports }, helper_cores };
            reader(&mut lanes)
        };
        let reader = spawn(scope, "reader".to_owned(), read)?;
        collect(inbox, collector);
        // The reader's panic is the cause of what the workers did, and theirs of what it did; all
        // of them are joined before one is resumed.
        let reader = reader.join();
        let workers: Vec<_> = handles.into_iter().map(ScopedJoinHandle::join).collect();
        let reader = reader.unwrap_or_else(|panic| resume_unwind(panic));
        let workers = workers
            .into_iter()
            .map(|worker| worker.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        Ok(Finished { reader, workers })
    })
}

/// Takes reports until every sender is gone or the collector fails.
fn collect<R>(inbox: Receiver<R>, collector: &mut impl Outbox<R>) {
    while let Some(report) = inbox.take() {
        if collector.put(report).is_err() {
            break;
        }
    }
    // From here on the threads' reports fail, so that none waits for a collector that is done.
    drop(inbox);
}

/// One worker's thread: works through its queue until the reader is gone.
fn serve<W: Worker>(
    mut worker: W,
    cores: &Cores,
    thread: usize,
    inbox: &Receiver<W::Batch>,
    mut outbox: Sender<W::Batch>,
    mut reports: Sender<W::Report>,
) -> Result<W::Result, Stopped> {
    pin::pin_to(cores.of(thread));
    while let Some(mut batch) = inbox.take() {
        if planted!(BatchesSwapped)
            && let Some(mut next) = inbox.try_take()
        {
            worker.work(&mut next, &mut reports)?;
            let _ = outbox.put(next);
        }
        worker.work(&mut batch, &mut reports)?;
        // The reader may be gone already, and with it the need for empty batches.
        let _ = outbox.put(batch);
    }
    // The collector waits for the last sender; finishing may take a while.
    drop(reports);
    // It may start threads, and most others have ended.
    pin::unpin(cores);
    Ok(worker.finish())
}

#[cfg(all(test, shuttle))]
mod schedules;
#[cfg(test)]
mod tests;
