//! Two balances files.
//!
//! Files in order are compared as they are read, each on a thread of its own, and none is held.
//! What turns out not to be in order is read anew and sorted in memory; the findings until then are
//! dropped. A pipe cannot be read anew and is held from the start.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::DiffError;
use super::accounts::{AccountsTally, compare};
use super::listing::{Findings, Listed, Listing, Subject};
use crate::balances_file::{BalancesError, BalancesReader, Columns, Record, SortedBalances};

/// Rows that travel together.
const BATCH_ROWS: usize = 1024;

/// Batches that may wait.
const QUEUED_BATCHES: usize = 4;

/// Compares two balances files: which clients only one has, and whose figures differ.
///
/// Compared are the columns that both files have, as exact numbers. The findings are the same
/// whatever the order of the rows.
///
/// # Errors
/// A file cannot be read or is no balances file, or they have no balance in common.
///
/// # Panics
/// On a bug; every thread has been joined by then.
///
/// ```
/// use millrace::balances_file::BalancesReader;
/// use millrace::diff::{Listed, balances};
/// use millrace::output::Format;
///
/// let ours = "client,available,held,total,locked\n1,2.5000,0.0000,2.5000,false\n";
/// let theirs = "client,total\n2,1\n1,2.5\n";
/// let a = BalancesReader::new("ours.csv", ours.as_bytes())?;
/// let b = BalancesReader::new("theirs.csv", theirs.as_bytes())?;
/// let (findings, tally) = balances(a, b, Listed { format: Format::Text, limit: None })?;
/// assert_eq!((tally.equal, tally.only_in_b), (1, 1));
/// let mut text = Vec::new();
/// findings.write_to(&mut text)?;
/// assert_eq!(text, b"+ client 2: total 1.0000\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn balances(
    a: BalancesReader<'static>,
    b: BalancesReader<'static>,
    listed: Listed,
) -> Result<(Findings, AccountsTally), DiffError> {
    let names = [a.name().to_owned(), b.name().to_owned()];
    let columns = [a.columns(), b.columns()];
    let [has_a, has_b] = columns;
    if !(has_a.available && has_b.available || has_a.total && has_b.total) {
        let [a, b] = names;
        return Err(DiffError::NothingInCommon { a, b });
    }
    let (mut a, mut b) = (Side::new(a)?, Side::new(b)?);
    loop {
        let mut listing = Listing::new(Subject::Accounts, &names, listed);
        match attempt(&mut a, &mut b, &mut listing) {
            Ok(tally) => return Ok((listing.finish(None, &tally)?, tally)),
            Err(Stop::Failed(error)) => return Err(error),
            // The other side has given some of its rows and starts again as well.
            Err(Stop::Unordered(which)) => {
                (a, b) = match which {
                    Which::A => (a.hold()?, b.restart()?),
                    Which::B => (a.restart()?, b.hold()?),
                };
            }
        }
    }
}

/// Why the comparison does not go on.
enum Stop {
    Failed(DiffError),
    Unordered(Which),
}

#[derive(Clone, Copy)]
enum Which {
    A,
    B,
}

impl<E: Into<DiffError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// How the rows of a file come.
enum Side {
    /// As they stand in it.
    Streamed(Box<BalancesReader<'static>>),
    Held(SortedBalances),
}

impl Side {
    fn new(reader: BalancesReader<'static>) -> Result<Self, BalancesError> {
        let is_restartable = reader.is_restartable();
        let side = Self::Streamed(Box::new(reader));
        if is_restartable { Ok(side) } else { side.sort() }
    }

    /// Sorts what is left of the rows.
    fn sort(self) -> Result<Self, BalancesError> {
        match self {
            Self::Streamed(reader) => reader.sorted().map(Self::Held),
            held @ Self::Held(_) => Ok(held),
        }
    }

    fn restart(self) -> Result<Self, BalancesError> {
        match self {
            Self::Streamed(reader) => Ok(Self::Streamed(Box::new(reader.restart()?))),
            held @ Self::Held(_) => Ok(held),
        }
    }

    /// Sorts all rows, of which some have been read.
    fn hold(self) -> Result<Self, BalancesError> {
        self.restart()?.sort()
    }

    fn columns(&self) -> Columns {
        match self {
            Self::Streamed(reader) => reader.columns(),
            Self::Held(sorted) => sorted.columns(),
        }
    }

    /// Starts to give the rows, ascending by client.
    fn rows<'scope, 'env: 'scope>(
        &'env mut self,
        which: Which,
        scope: &'scope Scope<'scope, 'env>,
    ) -> io::Result<Rows<'scope>> {
        match self {
            Self::Held(sorted) => Ok(Rows::Held(Box::new(sorted.iter()))),
            Self::Streamed(reader) => {
                let (outbox, inbox) = sync_channel(QUEUED_BATCHES);
                let send = move || send_rows(reader, which, &outbox);
                let builder = thread::Builder::new().name("balances".to_owned());
                let thread = builder.spawn_scoped(scope, send)?;
                let batch = Vec::new().into_iter();
                Ok(Rows::Streamed { inbox: Some(inbox), batch, thread: Some(thread) })
            }
        }
    }
}

/// Some rows, and why there are no more, if that is so.
type Batch = (Vec<Record>, Option<Stop>);

/// Sends rows until one is out of order, or nobody takes them.
fn send_rows(reader: &mut BalancesReader<'static>, which: Which, outbox: &SyncSender<Batch>) {
    let mut last = None;
    loop {
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut stop = None;
        for record in reader.take(BATCH_ROWS) {
            match record {
                Ok(record) if last > Some(record.client) => stop = Some(Stop::Unordered(which)),
                Ok(record) => {
                    last = Some(record.client);
                    batch.push(record);
                    continue;
                }
                Err(error) => stop = Some(error.into()),
            }
            break;
        }
        let is_last = stop.is_some() || batch.len() < BATCH_ROWS;
        if outbox.send((batch, stop)).is_err() || is_last {
            return;
        }
    }
}

/// The rows of one side.
enum Rows<'scope> {
    Held(Box<dyn Iterator<Item = Record> + 'scope>),
    Streamed {
        inbox: Option<Receiver<Batch>>,
        batch: std::vec::IntoIter<Record>,
        thread: Option<ScopedJoinHandle<'scope, ()>>,
    },
}

impl Rows<'_> {
    /// Ends the thread that reads, if there is one, and passes on its panic.
    fn join(&mut self) {
        if let Self::Streamed { inbox, thread, .. } = self {
            // What the thread sends from here on fails.
            *inbox = None;
            if let Some(Err(panic)) = thread.take().map(ScopedJoinHandle::join) {
                resume_unwind(panic);
            }
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Record, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Held(rows) => rows.next().map(Ok),
            Self::Streamed { inbox, batch, .. } => loop {
                if let Some(record) = batch.next() {
                    return Some(Ok(record));
                }
                // The last batch has been sent, or the thread has panicked, which `join` tells.
                let (records, stop) = inbox.as_ref()?.recv().ok()?;
                *batch = records.into_iter();
                if let Some(stop) = stop {
                    *inbox = None;
                    return Some(Err(stop));
                }
            },
        }
    }
}

fn attempt(a: &mut Side, b: &mut Side, listing: &mut Listing) -> Result<AccountsTally, Stop> {
    let columns = [a.columns(), b.columns()];
    thread::scope(|scope| {
        let mut a = a.rows(Which::A, scope).map_err(DiffError::Threads)?;
        let mut b = b.rows(Which::B, scope).map_err(DiffError::Threads)?;
        let compared = compare(columns, a.by_ref(), b.by_ref(), |difference| {
            listing.account(difference).map_err(Stop::Failed)
        });
        a.join();
        b.join();
        compared
    })
}
