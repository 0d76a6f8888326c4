//! The engine: opens the inputs, finds out what must be remembered, runs the pipeline, and closes
//! the books.
//!
//! Here, and only here, syntax meets rules: the reader turns rows into postings for the workers'
//! shards. A run either returns accounts that satisfy every invariant, or an error.

mod batch;
mod config;
mod digests;
mod error;
mod explain;
mod intake;
mod merge;
#[cfg(test)]
mod panics;
mod parsed;
mod partition;
mod prepared;
mod scout;
mod sift;
mod survey;
mod worker;

pub use config::{Config, LeftOut, Progress, Recall, Threads};
pub use error::RunError;
pub(crate) use explain::explain;
pub use merge::RejectSink;

#[cfg(fuzzing)]
pub(crate) use scout::scout_block;

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use crate::digest::Digested;
use crate::input::{Input, InputError, Opening, Source};
use crate::ledger::{Audit, InvariantError, Registry, Shard, SortedAccounts, Totals, audit};
use crate::pipeline;
use crate::summary::{ByKind, ControlTotals, Counts, Summary};

use intake::{Halt, Intake, Tally};
use merge::Merge;
use worker::{ShardWorker, WorkerResult};

/// Fewer accounts than these are checked sooner than a thread starts.
const FEW_ACCOUNTS: usize = 1 << 16;

/// Where a run puts what it finds on the way. The default keeps nothing.
#[derive(Default)]
pub struct Sinks<'a> {
    /// Takes every row that was not applied, in input order.
    pub rejects: Option<&'a mut dyn RejectSink>,
}

/// What a run has found.
#[derive(Debug)]
pub struct Report {
    /// Every account, ascending by client.
    pub accounts: SortedAccounts,
    /// The counts and sums of the run.
    pub summary: Summary,
    /// What was read, in the order given.
    pub inputs: Vec<InputReport>,
    /// The sums to compare with other books, if they were asked for.
    pub control_totals: Option<ControlTotals>,
    /// What is in the accounts together.
    pub audit: Audit,
}

/// What was read of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputReport {
    /// The path as it was given, or another name, as bytes.
    pub label: Vec<u8>,
    /// The data rows.
    pub rows: u64,
    /// The bytes, once decompressed.
    pub bytes: u64,
    /// The bytes and their digest as they are stored, if that was asked for.
    pub stored: Option<Digested>,
}

/// Runs `inputs`, one after the other as one stream, through the rules of `config`.
///
/// The result is the same for every number of workers, size of batches and blocks, and way of
/// reading. Threads are started and joined within the call.
///
/// # Errors
/// An input cannot be read, is no transactions CSV or was changed while it was read; a sink
/// failed; the run was interrupted, or did not have the rows expected; an invariant does not hold.
/// What a sink has got by then is not to be used.
///
/// # Panics
/// On a bug; every thread has been joined by then.
///
/// ```
/// use millrace::{Config, Input, Sinks, run};
///
/// let csv = "type,client,tx,amount\ndeposit,1,1,5.0\nwithdrawal,1,2,1.5\nwithdrawal,1,3,9.0\n";
/// let report = run(&Config::default(), vec![Input::bytes("memory", csv)], Sinks::default())?;
/// let account = report.accounts.get(1).expect("client 1 has deposited");
/// assert_eq!(account.available().to_string(), "3.5000");
/// assert_eq!((report.summary.rows, report.summary.applied), (3, 2));
/// # Ok::<(), millrace::RunError>(())
/// ```
pub fn run(config: &Config, inputs: Vec<Input>, sinks: Sinks<'_>) -> Result<Report, RunError> {
    let start = Instant::now();
    let sources = open(config, inputs)?;
    tracing::info!(inputs = sources.len(), rules = %config.rules, "opened");
    let body = || {
        let (space, shards) = (config.rules.tx_ids, config.shards());
        let registry = match config.recall {
            Recall::Named => Registry::of_named(scout::named_ids(&sources, config)?, space, shards),
            Recall::All => Registry::of_all(space),
        };
        tracing::debug!(elapsed = ?start.elapsed(), "scouted");
        process(config, &sources, registry, sinks)
    };
    let (Processed { tally, workers, reported }, digests) =
        digests::beside(config, &sources, body)?;
    tracing::debug!(elapsed = ?start.elapsed(), "processed");
    for source in &sources {
        source.check_unchanged()?;
    }
    let inputs = report_inputs(&sources, &tally, digests);
    let worker_count = workers.len();
    let joined = beside(config, || drop(sources), || join(workers, &tally, config))?;
    let Joined { accounts, audit, totals, applied, refused, rejected } = joined?;
    check_reported(&refused, reported)?;
    if let Some(expected) = config.expect_rows
        && expected != tally.rows
    {
        return Err(RunError::ExpectedRows { expected, found: tally.rows });
    }
    let control_totals = config.control_totals.then(|| tally.control_totals(rejected, &totals));
    let summary = Summary {
        inputs: count(inputs.len()),
        bytes: tally.bytes,
        rows: tally.rows,
        applied,
        refused,
        left_out: tally.left_out,
        blank_lines: tally.blank_lines,
        amounts_ignored: tally.amounts_ignored,
        accounts: audit.accounts,
        locked_accounts: audit.locked,
        deposited: totals.deposited,
        withdrawn: totals.withdrawn,
        charged_back: totals.charged_back,
        unterminated_inputs: tally.unterminated,
        workers: count(worker_count),
        elapsed: start.elapsed(),
    };
    Ok(Report { accounts, summary, inputs, control_totals, audit })
}

fn report_inputs(
    sources: &[Source],
    tally: &Tally,
    digests: Vec<Option<Digested>>,
) -> Vec<InputReport> {
    let read = tally.inputs.iter().zip(digests);
    let reports = sources.iter().zip(read).map(|(source, (&(rows, bytes), digest))| {
        let stored = digest.or_else(|| source.digest_of_stream());
        InputReport { label: source.label.clone(), rows, bytes, stored }
    });
    reports.collect()
}

/// Opens every input before the first is read, so that a wrong name or header is found at once.
fn open(config: &Config, inputs: Vec<Input>) -> Result<Vec<Source>, RunError> {
    let opening = Opening {
        io: config.io,
        extra: config.extra_columns,
        limits: config.id_limits(),
        max_input_bytes: config.max_input_bytes,
        digests: config.digests,
        interrupt: config.interrupt.clone(),
    };
    let mut sources = inputs
        .into_iter()
        .map(|input| Source::open(input, &opening))
        .collect::<Result<Vec<_>, InputError>>()?;
    if let (Some(line), Some(last)) = (config.until_line, sources.last_mut()) {
        last.end_after_line(line)?;
    }
    if config.recall == Recall::Named {
        for source in sources.iter_mut().filter(|source| source.is_stream()) {
            source.spool(&opening)?;
        }
    }
    config.progress.expect(Source::size_of_all(&sources));
    Ok(sources)
}

/// Does two things, at once where threads may be used: it takes the system milliseconds to let go
/// of a large map.
fn beside<T>(
    config: &Config,
    aside: impl FnOnce() + Send,
    main: impl FnOnce() -> T,
) -> Result<T, RunError> {
    if !config.uses_threads() {
        aside();
        return Ok(main());
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("close".to_owned());
        builder.spawn_scoped(scope, aside).map_err(RunError::Threads)?;
        Ok(main())
    })
}

/// What the pipeline leaves.
struct Processed {
    tally: Tally,
    workers: Vec<WorkerResult>,
    /// Rows given to the rejects, if there are any.
    reported: Option<u64>,
}

/// Runs the pipeline over all sources.
fn process(
    config: &Config,
    sources: &[Source],
    registry: Registry,
    sinks: Sinks<'_>,
) -> Result<Processed, RunError> {
    let shards = config.shards();
    let reporting = sinks.rejects.is_some();
    let places = registry.places_of_a_shard();
    let closing_threads = config.closing_threads_of_a_shard();
    let workers = (0..shards).map(|_| {
        let shard = Shard::one_of(shards, config.rules, places);
        ShardWorker::new(shard, closing_threads, reporting)
    });
    #[cfg(test)]
    let workers = panics::with_fuses(workers, config);
    let mut merge = Merge::new(sources, shards, sinks.rejects);
    let settings = pipeline::Settings {
        queue_batches: config.queue_batches(reporting),
        pin: config.pin,
        threads: config.uses_threads(),
        helpers: config.helpers(),
    };
    let intake = Intake::new(config, sources, registry, reporting);
    let finished =
        pipeline::run(&settings, workers.collect(), |lanes| intake.run(lanes), &mut merge)
            .map_err(RunError::Threads)?;
    let reported = Some(merge.finish()?).filter(|_| reporting);
    match (finished.reader, finished.workers) {
        (Ok(tally), Ok(workers)) => Ok(Processed { tally, workers, reported }),
        (Err(Halt::Failed(error)), _) => Err(error),
        (Err(Halt::Stopped), _) | (Ok(_), Err(pipeline::Stopped)) => {
            unreachable!("a thread stops early only for an error or a panic, and neither is lost")
        }
    }
}

/// The shards put together.
struct Joined {
    accounts: SortedAccounts,
    audit: Audit,
    totals: Totals,
    applied: u64,
    refused: Counts,
    /// The rejected rows by what they do.
    rejected: ByKind,
}

/// Joins the shards and checks every invariant.
fn join(workers: Vec<WorkerResult>, tally: &Tally, config: &Config) -> Result<Joined, RunError> {
    let mut accounts = SortedAccounts::default();
    let mut totals = Totals::default();
    let mut applied = 0;
    let mut refused = tally.refused;
    let mut rejected = ByKind::default();
    for worker in workers {
        let closed = worker.closed.map_err(RunError::Threads)?;
        totals.add(&closed.totals);
        applied += worker.applied;
        refused += worker.refused;
        rejected.add_all(&worker.rejected);
        accounts.append(closed.accounts);
    }
    let audit = audit_all(&accounts, config.closing_threads())?;
    audit.check(&totals)?;
    if tally.unnamed > 0 {
        return Err(InvariantError::Unnamed { rows: tally.unnamed }.into());
    }
    let accounted = applied + refused.rejected() + refused.malformed() + tally.left_out;
    if accounted != tally.rows {
        return Err(InvariantError::Rows { rows: tally.rows, accounted }.into());
    }
    Ok(Joined { accounts, audit, totals, applied, refused, rejected })
}

/// Checks all accounts, on `threads` threads.
fn audit_all(accounts: &SortedAccounts, threads: NonZeroUsize) -> Result<Audit, RunError> {
    let parts = accounts.parts();
    if threads == NonZeroUsize::MIN || accounts.len() < FEW_ACCOUNTS {
        return Ok(audit(accounts, &parts)?);
    }
    thread::scope(|scope| {
        let mut handles = Vec::with_capacity(threads.get());
        for share in parts.chunks(parts.len().div_ceil(threads.get())) {
            let builder = thread::Builder::new().name("audit".to_owned());
            let check = move || audit(accounts, share);
            handles.push(builder.spawn_scoped(scope, check).map_err(RunError::Threads)?);
        }
        let mut all = Audit::default();
        for handle in handles {
            all.add(&handle.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    })
}

/// Checks that every row that was not applied was reported once, where such rows are.
fn check_reported(refused: &Counts, reported: Option<u64>) -> Result<(), InvariantError> {
    let refused = refused.rejected() + refused.malformed();
    match reported {
        Some(reported) if reported != refused => Err(InvariantError::Rejects { refused, reported }),
        _ => Ok(()),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::amount::Balance;
    use crate::outcome::Reason;
    use crate::output::rejects::RejectedRow;
    use crate::pipeline::Pin;

    /// Rows of every kind and outcome, in every spelling, with two more in an input of their own.
    const ROWS: &str = "type,client,tx,amount\n\
        deposit,1,1,5\ndeposit,2,2,7.5\r\n\"deposit\",3, 3 ,0.0001\n\nwithdrawal,1,4,1.5\n\
        withdrawal,2,5,100\ndispute,1,1,\ndispute,2,2\nresolve,1,1,9\nchargeback,2,2,\n\
        deposit,2,6,1\ndeposit,4,1,1\nrefund,1,1,1\ndeposit,1,18446744073709551615,2.25\n\
        dispute,1,18446744073709551615,\n";
    const MORE_ROWS: &str = "client,tx,type,amount\n3,7,deposit,1\n3,3,dispute,";

    /// Input, line and reason.
    type Refused = Vec<(Vec<u8>, u64, Reason)>;

    /// The accounts, the refused rows and the number of rows of a run over bytes and a stream.
    fn find(config: &Config) -> (SortedAccounts, Refused, u64) {
        let mut refused = Refused::new();
        let mut sink = |row: &RejectedRow<'_>| {
            refused.push((row.input.to_vec(), row.line, row.reason));
            Ok(())
        };
        let stream = Input::reader("stream", MORE_ROWS.as_bytes());
        let inputs = vec![Input::bytes("bytes", ROWS), stream];
        let report = run(config, inputs, Sinks { rejects: Some(&mut sink) }).unwrap();
        (report.accounts, refused, report.summary.rows)
    }

    #[test]
    fn a_small_run_finds_the_same_with_every_kind_of_thread() {
        let config = |threads, workers, readers, recall| Config {
            threads,
            workers: NonZeroUsize::new(workers),
            readers: NonZeroUsize::new(readers),
            recall,
            batch_rows: 2,
            block_bytes: NonZeroUsize::new(40),
            // Miri would ask for each of 1,024 cores whether there is one.
            pin: Pin::Never,
            ..Config::default()
        };
        let expected = find(&config(Threads::Never, 1, 1, Recall::Named));
        assert_eq!((expected.0.len(), expected.1.len(), expected.2), (3, 4, 16));
        for (workers, readers, recall) in [(3, 1, Recall::Named), (2, 2, Recall::All)] {
            let found = find(&config(Threads::Always, workers, readers, recall));
            assert_eq!(found, expected, "{workers} workers, {readers} readers, {recall:?}");
        }
    }

    /// In tests all that has been read of a map is let go of, 64 KiB at a time.
    #[test]
    #[cfg_attr(miri, ignore = "files are not mapped there")]
    fn a_mapped_input_is_let_go_of_and_its_refused_rows_are_shown() {
        let mut csv = "type,client,tx,amount\n".to_owned();
        for index in 0..20_000 {
            let kind = if index % 7 == 0 { "refund" } else { "deposit" };
            let row = format!("{kind},{},{},1.5\n", index % 99, index / 2 * 2);
            csv.push_str(&row);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input.csv");
        std::fs::write(&path, &csv).unwrap();
        for (threads, readers) in [(Threads::Never, 1), (Threads::Always, 1), (Threads::Always, 2)]
        {
            let [readers, block_bytes] = [readers, 5_000].map(NonZeroUsize::new);
            let config = Config { readers, block_bytes, threads, ..Config::default() };
            let shown = |input| {
                let mut shown = Vec::new();
                let mut sink = |row: &RejectedRow<'_>| {
                    shown.push((row.line, row.reason, row.raw.to_vec()));
                    Ok(())
                };
                let sinks = Sinks { rejects: Some(&mut sink) };
                let accounts = run(&config, vec![input], sinks).unwrap().accounts;
                (accounts, shown)
            };
            let expected = shown(Input::bytes("it", csv.clone()));
            assert!(expected.1.len() > 5_000);
            assert!(shown(Input::path(&path)) == expected, "{threads:?}, {readers:?}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "more than 65,536 accounts, or no thread is started")]
    fn threads_find_what_one_thread_finds() {
        let account =
            |held: i128| Account::new(Balance::from_units(3), Balance::from_units(held), held == 2);
        let count = u64::try_from(FEW_ACCOUNTS).unwrap() + 5;
        let mut accounts: SortedAccounts =
            (0..count).map(|client| (client, account((client % 3).into()))).collect();
        let expected = audit(&accounts, &accounts.parts()).unwrap();
        assert_eq!((expected.accounts, expected.locked), (count, count / 3));
        let on = |threads, accounts: &SortedAccounts| {
            audit_all(accounts, NonZeroUsize::new(threads).unwrap())
        };
        for threads in [1, 2, 7, 100] {
            assert_eq!(on(threads, &accounts).unwrap(), expected, "{threads} threads");
        }
        // The first offence is named, whichever thread finds it first.
        accounts.append([(7, account(1)), (count + 1, account(-1))].into());
        for threads in [1, 2, 7] {
            let error = on(threads, &accounts).unwrap_err().to_string();
            assert!(error.contains("client 7 is out of order"), "{error}");
        }
    }
}
