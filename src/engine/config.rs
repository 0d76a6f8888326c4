//! How a run is set up, and how it is watched.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::partition::Position;
use crate::input::Io;
use crate::interrupt::Interrupt;
use crate::parser::{ExtraColumns, IdLimits};
use crate::pipeline::{Pin, usable_cores};
use crate::rules::Rules;

/// Which transactions are remembered for rows that refer to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recall {
    /// Those that some row names, found by a pass over the inputs beforehand. Inputs that cannot
    /// be read twice are kept in memory or a temporary file meanwhile.
    #[default]
    Named,
    /// All: one pass, no temporary file, and memory that grows with the rows.
    All,
}

/// Whether the reader and the workers run on threads of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// Where there is more than one core.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: everything runs in turn on the calling thread.
    Never,
}

/// Rows that are left out before any rule sees them: what the balances would be had they not been
/// there. They count as rows, but are neither applied nor refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Every well-formed row of these clients.
    pub clients: BTreeSet<u64>,
    /// Every well-formed row with one of these transaction ids, whatever it does.
    pub txs: BTreeSet<u64>,
}

impl LeftOut {
    /// Tells whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.txs.is_empty()
    }

    /// Tells whether a row of this client and id is left out.
    pub(super) fn has(&self, client: u64, tx: u64) -> bool {
        self.clients.contains(&client) || self.txs.contains(&tx)
    }
}

/// How a run is set up. The result of a run depends on `rules`, `extra_columns`, `strict`, `left_out`
/// and `until_line` only.
///
/// ```
/// use millrace::Config;
/// use millrace::rules::Rules;
///
/// let config = Config { rules: Rules::named("conservative").unwrap(), ..Config::default() };
/// assert!(config.workers.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The rules.
    pub rules: Rules,
    /// What is done about columns that no rule knows.
    pub extra_columns: ExtraColumns,
    /// Refuses the last row of an input that lacks its newline: it may have been cut.
    pub strict: bool,
    /// How many rows the inputs must have together.
    pub expect_rows: Option<u64>,
    /// The rows that are left out before any rule sees them.
    pub left_out: LeftOut,
    /// The last line that is read of the last input; `None` is its last one.
    pub until_line: Option<u64>,
    /// Whether the [control totals](crate::summary::ControlTotals) are computed.
    pub control_totals: bool,
    /// Whether the inputs' digests are computed.
    pub digests: bool,
    /// How many workers, each with a shard of the clients, at most [`Config::MOST_WORKERS`]; `None` is
    /// one less than the cores.
    pub workers: Option<NonZeroUsize>,
    /// How many threads parse, where there are threads; `None` is a quarter of the cores, at least
    /// 2 and at most [`Config::MOST_READERS`], but 1 for a single core.
    ///
    /// One reads, parses and decides ids itself. Several parse ahead, and one more thread takes
    /// their rows in input order.
    pub readers: Option<NonZeroUsize>,
    /// Rows from which on a batch is sent, at least 1. Its worker's rows of a block stay together, so
    /// it may have as many more as a block has. Those of sixteen blocks are sent however few they are,
    /// and where rejected rows are reported, those of each block.
    pub batch_rows: usize,
    /// Batches that may wait in the queue of each worker, at least 1; four times as many where
    /// rejected rows are reported.
    pub queue_batches: usize,
    /// About how many bytes of input are parsed at a time, more than 2²³ being taken for so many;
    /// `None` is [`Config::BLOCK_BYTES`], down to half of that in inputs of known size below 64 MiB.
    pub block_bytes: Option<NonZeroUsize>,
    /// How regular files are read.
    pub io: Io,
    /// Whether threads are pinned to cores.
    pub pin: Pin,
    /// Whether there are threads at all.
    pub threads: Threads,
    /// Which transactions are remembered.
    pub recall: Recall,
    /// The most bytes that a compressed input may decompress to.
    pub max_input_bytes: u64,
    /// Asks the run to stop.
    pub interrupt: Interrupt,
    /// Tells how far the run is.
    pub progress: Progress,
    /// Which worker panics, and when.
    #[cfg(test)]
    pub(crate) panic_at: Option<super::panics::PanicAt>,
}

impl Config {
    /// The most workers: more are taken for so many.
    pub const MOST_WORKERS: usize = Position::MOST_LANES;
    /// The most bytes parsed at a time: places of rows are kept short.
    const MOST_BLOCK_BYTES: usize = 8 << 20;
    /// Rows in a batch, unless set: 64 KiB of them.
    pub const BATCH_ROWS: usize = 2048;
    /// Most threads that parse, unless set: four prepare plain rows about as fast as one thread
    /// decides their ids; eight are for what only the strict path can read.
    pub const MOST_READERS: usize = 8;
    /// Batches in a queue, unless set.
    pub const QUEUE_BATCHES: usize = 8;
    /// Bytes parsed at a time, unless set: they and the batches stay in a core's own cache.
    pub const BLOCK_BYTES: usize = 256 << 10;
    /// The most bytes that a compressed input may decompress to, unless set: 64 GiB.
    pub const MAX_INPUT_BYTES: u64 = 64 << 30;

    /// How many shards the clients are spread over: one per worker.
    pub fn shards(&self) -> usize {
        let workers = self.workers.map_or_else(|| (usable_cores() - 1).max(1), NonZeroUsize::get);
        workers.min(Self::MOST_WORKERS)
    }

    /// How many threads parse for the one that takes the rows in order; none where it does so
    /// itself.
    pub(super) fn helpers(&self) -> usize {
        let readers = self.readers.map_or_else(|| readers_for(usable_cores()), NonZeroUsize::get);
        if self.uses_threads() && readers > 1 { readers } else { 0 }
    }

    /// Tells whether the run starts threads.
    pub fn uses_threads(&self) -> bool {
        match self.threads {
            Threads::Auto => usable_cores() > 1,
            Threads::Always => true,
            Threads::Never => false,
        }
    }

    /// How many threads check the accounts at the end, and should write them; with 1, it is the
    /// calling thread.
    pub fn closing_threads(&self) -> NonZeroUsize {
        let threads = if self.uses_threads() { usable_cores() } else { 1 };
        NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN)
    }

    /// How many threads close each of the shards, which all are closed at once.
    pub(super) fn closing_threads_of_a_shard(&self) -> NonZeroUsize {
        let threads = self.closing_threads().get() / self.shards();
        NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN)
    }

    /// Tells whether columns that no rule knows are skipped.
    pub(crate) fn ignores_extra_columns(&self) -> bool {
        self.extra_columns == ExtraColumns::Ignore
    }

    /// Skips columns that no rule knows, or refuses them.
    pub(crate) fn ignore_extra_columns(self, ignores: bool) -> Self {
        let extra_columns = if ignores { ExtraColumns::Ignore } else { ExtraColumns::Refuse };
        Self { extra_columns, ..self }
    }

    /// The largest ids that count as such under the rules.
    pub(super) fn id_limits(&self) -> IdLimits {
        let less = u64::from(planted!(MaxClientRefused));
        IdLimits { max_client: self.rules.max_client - less, max_tx: self.rules.max_tx }
    }

    /// Batches that may wait in the queue of each worker.
    ///
    /// Where rows are reported there is one thread more, the collector. A worker whose reader has lost
    /// its core to it has work for the meantime.
    pub(super) fn queue_batches(&self, reporting: bool) -> usize {
        self.queue_batches.max(1) * if reporting { 4 } else { 1 }
    }

    /// The size of a block of an input of so many bytes, within what places of rows can express.
    ///
    /// Unless another size is asked for, a small input is cut smaller, down to half the usual size:
    /// threads begin and end together sooner, and less memory is new.
    pub(super) fn block_bytes(&self, input_bytes: Option<u64>) -> usize {
        if let Some(bytes) = self.block_bytes {
            return bytes.get().min(Self::MOST_BLOCK_BYTES);
        }
        let share = input_bytes.map_or(u64::MAX, |bytes| bytes / FEWEST_BLOCKS);
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        share.clamp(Self::BLOCK_BYTES / 2, Self::BLOCK_BYTES)
    }
}

// A row of a type, two ids and their commas takes more than eight bytes.
const _: () = assert!(Config::MOST_BLOCK_BYTES / 8 <= Position::MOST_ROWS);

/// Inputs of fewer blocks are cut into smaller ones.
const FEWEST_BLOCKS: u64 = 256;

/// How many threads parse, unless set.
fn readers_for(cores: usize) -> usize {
    if cores < 2 { 1 } else { (cores / 4).clamp(2, Config::MOST_READERS) }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            extra_columns: ExtraColumns::default(),
            strict: false,
            expect_rows: None,
            left_out: LeftOut::default(),
            until_line: None,
            control_totals: false,
            digests: false,
            workers: None,
            readers: None,
            batch_rows: Self::BATCH_ROWS,
            queue_batches: Self::QUEUE_BATCHES,
            block_bytes: None,
            io: Io::default(),
            pin: Pin::default(),
            threads: Threads::default(),
            recall: Recall::default(),
            max_input_bytes: Self::MAX_INPUT_BYTES,
            interrupt: Interrupt::default(),
            progress: Progress::default(),
            #[cfg(test)]
            panic_at: None,
        }
    }
}

/// Tells how far a run is. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

/// All in bytes.
#[derive(Debug, Default)]
struct Counters {
    scouted: AtomicU64,
    done: AtomicU64,
    /// 0 while it is not known.
    total: AtomicU64,
}

impl Progress {
    /// Bytes of input that have been worked through; the pass that looks for what must be
    /// remembered counts for a fifth of the work.
    pub fn done_bytes(&self) -> u64 {
        // Relaxed, here and below: the counts are for show, and nothing else follows from them.
        let scouted = self.0.scouted.load(Ordering::Relaxed);
        let done = self.0.done.load(Ordering::Relaxed);
        // Without a pass beforehand, as after it, the rest is in proportion.
        if scouted == 0 { done } else { scouted / 5 + done - done / 5 }
    }

    /// Bytes of input in all, once it is known.
    pub fn total_bytes(&self) -> Option<u64> {
        Some(self.0.total.load(Ordering::Relaxed)).filter(|&total| total > 0)
    }

    pub(super) fn expect(&self, total_bytes: Option<u64>) {
        self.0.total.store(total_bytes.unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn advance_scout(&self, bytes: u64) {
        self.0.scouted.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, Sinks, run};

    #[test]
    fn more_workers_than_can_be_told_apart_are_not_taken() {
        for (asked, taken) in [(1, 1), (4_096, 4_096), (4_097, 4_096), (usize::MAX, 4_096)] {
            let config = Config { workers: NonZeroUsize::new(asked), ..Config::default() };
            assert_eq!(config.shards(), taken);
        }
    }

    #[test]
    fn queues_are_longer_where_rows_are_reported() {
        for (queue_batches, expected) in [(0, [1, 4]), (1, [1, 4]), (8, [8, 32])] {
            let config = Config { queue_batches, ..Config::default() };
            assert_eq!([false, true].map(|reporting| config.queue_batches(reporting)), expected);
        }
    }

    #[test]
    fn blocks_of_small_inputs_are_smaller() {
        let block_bytes = |block_bytes, input_bytes| {
            let block_bytes = NonZeroUsize::new(block_bytes);
            Config { block_bytes, ..Config::default() }.block_bytes(input_bytes)
        };
        let usual = Config::BLOCK_BYTES;
        for (input_bytes, expected) in [
            (None, usual),
            (Some(0), usual / 2),
            (Some(40 << 20), 160 << 10),
            (Some(64 << 20), usual),
            (Some(u64::MAX), usual),
        ] {
            assert_eq!(block_bytes(0, input_bytes), expected, "{input_bytes:?}");
            for (asked, expected) in [(1, 1), (usual, usual), (usize::MAX, 8 << 20)] {
                assert_eq!(block_bytes(asked, input_bytes), expected);
            }
        }
    }

    #[test]
    fn two_threads_parse_or_more_where_there_are_two_cores() {
        let readers = [0, 1, 2, 4, 5, 8, 12, 16, 64].map(readers_for);
        assert_eq!(readers, [1, 1, 2, 2, 2, 2, 3, 4, 8]);
        for (readers, threads, helpers) in
            [(1, Threads::Always, 0), (2, Threads::Always, 2), (2, Threads::Never, 0)]
        {
            let readers = NonZeroUsize::new(readers);
            let config = Config { readers, threads, ..Config::default() };
            assert_eq!(config.helpers(), helpers);
        }
    }

    #[test]
    fn progress_ends_at_the_size_of_the_rows() {
        let rows = "deposit,1,1,5\n\ndispute,1,1,\n";
        for (recall, readers) in [(Recall::Named, 1), (Recall::All, 1), (Recall::All, 3)] {
            let readers = NonZeroUsize::new(readers);
            let config = Config { recall, readers, threads: Threads::Always, ..Config::default() };
            let input = Input::bytes("memory", format!("type,client,tx,amount\n{rows}"));
            run(&config, vec![input], Sinks::default()).unwrap();
            let (done, total) = (config.progress.done_bytes(), config.progress.total_bytes());
            assert_eq!(total, u64::try_from(rows.len()).ok());
            // A fifth and four fifths of the bytes are rounded for themselves.
            assert!(total.is_some_and(|total| (total - 1..=total).contains(&done)), "{done}");
        }
    }
}
