//! The worker: applies the rows of its batches to its shard and counts the outcomes.

use std::io;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use super::batch::{Batch, RefusedRows};
use super::count;
use super::merge::Notice;
use super::partition::{Note, Partition};
use crate::ledger::{Closed, Job, Shard};
use crate::outcome::{Reason, Rejection};
use crate::parser::PlainRow;
use crate::pipeline::{Outbox, Stopped, Worker};
use crate::summary::{ByKind, Counts};

/// Rows that are applied together: what they need is still in the first cache when it is needed.
const CHUNK: usize = 128;

/// Owns one shard.
pub(super) struct ShardWorker<'s> {
    shard: Shard,
    /// How many threads may close it.
    closing_threads: NonZeroUsize,
    /// The rows that were refused of those applied together; kept for its memory.
    refused_together: Vec<(usize, Rejection)>,
    applied: u64,
    counts: Counts,
    rejected: ByKind,
    /// The refused rows of the current block, where they are reported.
    refused: RefusedRows,
    reporting: bool,
    #[cfg(test)]
    pub(super) fuse: Option<super::panics::Fuse>,
    /// Its notices go where the blocks of the sources go.
    sources: PhantomData<fn() -> &'s ()>,
}

/// What a worker leaves.
pub(super) struct WorkerResult {
    /// The shard, unless the system refused a thread.
    pub(super) closed: io::Result<Closed>,
    pub(super) applied: u64,
    pub(super) refused: Counts,
    /// The rejected rows by what they do.
    pub(super) rejected: ByKind,
}

impl ShardWorker<'_> {
    pub(super) fn new(shard: Shard, closing_threads: NonZeroUsize, reporting: bool) -> Self {
        Self {
            shard,
            closing_threads,
            refused_together: Vec::new(),
            applied: 0,
            counts: Counts::default(),
            rejected: ByKind::default(),
            refused: RefusedRows::default(),
            reporting,
            #[cfg(test)]
            fuse: None,
            sources: PhantomData,
        }
    }

    /// Applies rows in order.
    fn apply(&mut self, partition: &mut Partition) {
        for &Note { key, at, marks } in &partition.notes {
            let mut at = usize::try_from(at).expect("a place");
            if planted!(NoteOnNext) {
                at = (at + 1) % partition.rows.len();
            }
            let row = &mut partition.rows[at];
            row.tx = key;
            row.note |= marks.bits();
        }
        if planted!(LastDuplicateApplied) {
            partition.duplicates.pop();
        }
        if !(partition.duplicates.is_empty() || planted!(DuplicatesApplied)) {
            self.refuse_duplicates(partition);
        }
        if planted!(RowsSwapped) && partition.rows.len() > 1 {
            partition.rows.swap(0, 1);
        }
        let mut refused = std::mem::take(&mut self.refused_together);
        for rows in partition.rows.chunks(CHUNK) {
            refused.clear();
            self.shard.apply_all(rows, PlainRow::posting, &mut refused);
            self.applied += count(rows.len() - refused.len());
            for &(at, rejection) in &refused {
                self.refuse(&rows[at], rejection);
            }
        }
        self.refused_together = refused;
    }

    /// Refuses the rows whose id an earlier row has and takes them out.
    fn refuse_duplicates(&mut self, Partition { rows, duplicates, .. }: &mut Partition) {
        let places = duplicates.iter().map(|&at| usize::try_from(at).expect("a place"));
        let mut kept = 0;
        let mut start = 0;
        for at in places.chain([rows.len()]) {
            rows.copy_within(start..at, kept);
            kept += at - start;
            start = at + 1;
            if let Some(row) = rows.get(at) {
                self.refuse(row, Rejection::DuplicateTx);
            }
        }
        rows.truncate(kept);
    }

    /// Counts a row that the rules refuse, and keeps it where such rows are reported.
    fn refuse(&mut self, row: &PlainRow, rejection: Rejection) {
        let reason = Reason::Rejected(rejection);
        let is_miscounted = planted!(CountedAsUnknown) && rejection == Rejection::AlreadyDisputed;
        let unknown = Reason::Rejected(Rejection::UnknownTx);
        self.counts.add(if is_miscounted { unknown } else { reason });
        self.rejected.add(row.kind, row.amount);
        if self.reporting {
            let (place, legible) = (row.place(), row.unplaced());
            self.refused.push(place, reason, legible);
        }
    }
}

impl<'s> Worker for ShardWorker<'s> {
    type Batch = Batch;
    type Report = Notice<'s>;
    type Result = WorkerResult;

    fn work(
        &mut self,
        batch: &mut Batch,
        outbox: &mut dyn Outbox<Notice<'s>>,
    ) -> Result<(), Stopped> {
        #[cfg(test)]
        self.fuse.iter_mut().for_each(super::panics::Fuse::burn);
        for partition in batch.partitions_mut() {
            self.apply(partition);
        }
        batch.clear();
        if self.reporting && batch.ends_block {
            let refused = self.refused.take();
            outbox.put(Notice::Refused { block: batch.block, refused })?;
        }
        Ok(())
    }

    fn finish(self) -> WorkerResult {
        let Self { shard, closing_threads, applied, counts, rejected, .. } = self;
        let closed = shard.close_with(closing_threads, run_jobs);
        WorkerResult { closed, applied, refused: counts, rejected }
    }
}

/// Runs each job on a thread of its own, but the last one on the calling thread.
fn run_jobs(mut jobs: Vec<Job<'_>>) -> io::Result<()> {
    let own = jobs.pop();
    thread::scope(|scope| {
        let mut handles = Vec::with_capacity(jobs.len());
        for job in jobs {
            handles.push(thread::Builder::new().name("order".to_owned()).spawn_scoped(scope, job)?);
        }
        if let Some(job) = own {
            job();
        }
        for handle in handles {
            handle.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn every_job_is_run_and_a_panic_in_one_goes_on_to_the_caller() {
        for failing in [None, Some(0), Some(2)] {
            let mut are_done = [false; 3];
            let run = || {
                let jobs = are_done.iter_mut().zip(0..).map(|(is_done, number)| -> Job<'_> {
                    Box::new(move || {
                        assert_ne!(failing, Some(number), "it fails");
                        *is_done = true;
                    })
                });
                run_jobs(jobs.collect()).unwrap();
            };
            assert_eq!(catch_unwind(AssertUnwindSafe(run)).is_err(), failing.is_some());
            assert_eq!(are_done, [0, 1, 2].map(|number| failing != Some(number)));
        }
    }
}
