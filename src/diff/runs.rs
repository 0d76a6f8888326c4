//! The same inputs under two sets of rules: which rows end differently, and what comes of it.
//!
//! Two runs go on at once, each with the threads of a run. The refused rows of both come in input
//! order and are compared as they come, so that none are held but those on their way.

use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::DiffError;
use super::accounts::{AccountsTally, compare};
use super::listing::{Findings, Listed, Listing, Subject};
use crate::account::Account;
use crate::amount::Amount;
use crate::balances_file::{Columns, Record};
use crate::engine::{Config, Report, RunError, Sinks, run};
use crate::input::Input;
use crate::outcome::Reason;
use crate::output::rejects::RejectedRow;
use crate::transaction::Kind;

/// Refused rows that travel together.
const BATCH_ROWS: usize = 512;

/// Batches that may wait.
const QUEUED_BATCHES: usize = 16;

/// A row that two runs decide differently.
///
/// What can be read of the row is what its refusal tells: a field that is malformed is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowDifference<'a> {
    /// The path of its input, as it was given.
    pub file: &'a [u8],
    /// The number of its line in the input, from 1.
    pub line: u64,
    /// What it does.
    pub kind: Option<Kind>,
    /// Its client.
    pub client: Option<u64>,
    /// Its transaction id.
    pub tx: Option<u64>,
    /// Its amount.
    pub amount: Option<Amount>,
    /// Why A refuses it; `None` if A applies it.
    pub a: Option<Reason>,
    /// Why B refuses it; `None` if B applies it.
    pub b: Option<Reason>,
}

/// How many rows two runs decide differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsTally {
    /// The rows of the inputs.
    pub rows: u64,
    /// Those that only A applies.
    pub applied_only_in_a: u64,
    /// Those that only B applies.
    pub applied_only_in_b: u64,
    /// Those that both refuse, for different reasons.
    pub refused_for_other_reason: u64,
}

/// What two runs differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunsTally {
    /// The rows.
    pub rows: RowsTally,
    /// The accounts.
    pub accounts: AccountsTally,
}

impl RunsTally {
    /// Tells whether the runs differ in nothing.
    pub fn is_equal(&self) -> bool {
        let RowsTally { applied_only_in_a, applied_only_in_b, refused_for_other_reason, .. } =
            self.rows;
        applied_only_in_a + applied_only_in_b + refused_for_other_reason == 0
            && self.accounts.is_equal()
    }
}

/// Runs the files at `inputs` as `a` and as `b` say, and compares what becomes of every row and
/// every account. Both should differ in their rules alone; `names` say what to call them.
///
/// # Errors
/// What [`run`] reports, of A first; the findings cannot be kept.
///
/// # Panics
/// On a bug; every thread has been joined by then.
pub fn runs(
    [a, b]: [&Config; 2],
    inputs: &[PathBuf],
    names: &[String; 2],
    listed: Listed,
) -> Result<(Findings, RunsTally), DiffError> {
    let mut listing = Listing::new(Subject::Runs, names, listed);
    let mut tally = RunsTally::default();
    let [report_a, report_b] = thread::scope(|scope| {
        let (outbox, inbox) = sync_channel(QUEUED_BATCHES);
        let builder = thread::Builder::new().name("run-a".to_owned());
        let ahead = builder.spawn_scoped(scope, move || run_ahead(a, inputs, &outbox));
        let ahead = ahead.map_err(DiffError::Threads)?;
        let mut merge = Merge {
            inputs,
            rows_of_a: RowsOfA { inbox, batch: Vec::new().into_iter(), next: None },
            listing: &mut listing,
            tally: &mut tally.rows,
            error: None,
        };
        let mut sink = |row: &RejectedRow<'_>| merge.take(&Refused::of(row));
        let sinks = Sinks { rejects: Some(&mut sink) };
        let report_b = run(b, labelled(inputs), sinks).map_err(DiffError::from);
        let report_b = report_b.and_then(|report| merge.finish().map(|()| report));
        // From here on what A sends fails.
        let error = merge.error.take();
        drop(merge);
        let report_a = ahead.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (report_a, error, report_b) {
            (Err(error), _, _) if !matches!(error, RunError::Rejects(_)) => Err(error.into()),
            (_, Some(error), _) | (_, None, Err(error)) => Err(error),
            (Err(error), None, Ok(_)) => Err(error.into()),
            (Ok(a), None, Ok(b)) => Ok([a, b]),
        }
    })?;
    let read = |report: &Report| (report.summary.bytes, report.summary.rows);
    if read(&report_a) != read(&report_b) {
        return Err(DiffError::Replaced);
    }
    tally.rows.rows = report_a.summary.rows;
    listing.end_rows();
    let columns = Columns { available: true, held: true, total: true, locked: true };
    let [a, b] = [&report_a, &report_b]
        .map(|report| report.accounts.iter().map(|(client, it)| Ok(record(client, &it))));
    tally.accounts = compare([columns; 2], a, b, |account| listing.account(account))?;
    let findings = listing.finish(Some(&tally.rows), &tally.accounts)?;
    Ok((findings, tally))
}

/// The inputs, each with its place in the list as its label: the same file may be given twice.
fn labelled(paths: &[PathBuf]) -> Vec<Input> {
    let label = |(place, path)| Input::path(path).labelled(usize::to_be_bytes(place));
    paths.iter().cloned().enumerate().map(label).collect()
}

fn record(client: u64, account: &Account) -> Record {
    Record {
        line: 0,
        client,
        available: Some(account.available()),
        held: Some(account.held()),
        total: Some(account.total()),
        locked: Some(account.is_locked()),
    }
}

/// A row that a run refuses.
#[derive(Clone, Copy)]
struct Refused {
    /// The place of its input, and its line.
    at: (usize, u64),
    reason: Reason,
    kind: Option<Kind>,
    client: Option<u64>,
    tx: Option<u64>,
    amount: Option<Amount>,
}

impl Refused {
    fn of(row: &RejectedRow<'_>) -> Self {
        let place = row.input.try_into().map(usize::from_be_bytes).expect("a label of ours");
        let legible = row.legible;
        Self {
            at: (place, row.line),
            reason: row.reason,
            kind: legible.kind,
            client: legible.client,
            tx: legible.tx,
            amount: legible.amount,
        }
    }
}

/// What A sends: some of its refused rows, or that there are no more.
type Sent = Option<Vec<Refused>>;

/// Runs A and sends its refused rows.
fn run_ahead(
    config: &Config,
    inputs: &[PathBuf],
    outbox: &SyncSender<Sent>,
) -> Result<Report, RunError> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    let mut sink = |row: &RejectedRow<'_>| {
        batch.push(Refused::of(row));
        if batch.len() < BATCH_ROWS {
            return Ok(());
        }
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS));
        outbox.send(Some(full)).map_err(gone)
    };
    let report = run(config, labelled(inputs), Sinks { rejects: Some(&mut sink) })?;
    for sent in [Some(batch), None] {
        outbox.send(sent).map_err(gone).map_err(RunError::Rejects)?;
    }
    Ok(report)
}

/// The refused rows of A, as they come.
struct RowsOfA {
    inbox: Receiver<Sent>,
    batch: std::vec::IntoIter<Refused>,
    /// A row that is not yet used up.
    next: Option<Refused>,
}

impl RowsOfA {
    /// Gives the next row without using it up; `None` if there are no more.
    ///
    /// # Errors
    /// A has come to no end, and knows why.
    fn peek(&mut self) -> io::Result<Option<Refused>> {
        while self.next.is_none() {
            self.next = self.batch.next();
            if self.next.is_none() {
                match self.inbox.recv() {
                    Ok(Some(batch)) => self.batch = batch.into_iter(),
                    Ok(None) => {
                        // It is the last that comes; further calls see it again.
                        self.inbox = ended();
                        return Ok(None);
                    }
                    Err(_) => return Err(io::Error::other("the other run has failed")),
                }
            }
        }
        Ok(self.next)
    }
}

/// An inbox that holds the end.
fn ended() -> Receiver<Sent> {
    let (outbox, inbox) = sync_channel(1);
    outbox.send(None).expect("there is room for one");
    inbox
}

/// Puts the refused rows of both runs side by side.
struct Merge<'m> {
    inputs: &'m [PathBuf],
    rows_of_a: RowsOfA,
    listing: &'m mut Listing,
    tally: &'m mut RowsTally,
    /// Why the findings cannot be kept.
    error: Option<DiffError>,
}

impl Merge<'_> {
    /// Takes a row that B refuses, after those that only A refuses and that stand before it.
    fn take(&mut self, of_b: &Refused) -> io::Result<()> {
        loop {
            let of_a = self.rows_of_a.peek()?.filter(|of_a| of_a.at <= of_b.at);
            if of_a.is_some() {
                self.rows_of_a.next = None;
            }
            match of_a {
                Some(of_a) if of_a.at == of_b.at => return self.found(Some(&of_a), Some(of_b)),
                Some(of_a) => self.found(Some(&of_a), None)?,
                None => return self.found(None, Some(of_b)),
            }
        }
    }

    /// Takes what is left of A.
    fn finish(&mut self) -> Result<(), DiffError> {
        while let Some(of_a) = self.rows_of_a.peek().map_err(RunError::Rejects)? {
            self.rows_of_a.next = None;
            self.found(Some(&of_a), None).map_err(RunError::Rejects)?;
        }
        Ok(())
    }

    fn found(&mut self, a: Option<&Refused>, b: Option<&Refused>) -> io::Result<()> {
        let (reason_a, reason_b) = (a.map(|it| it.reason), b.map(|it| it.reason));
        if reason_a == reason_b {
            return Ok(());
        }
        match (a, b) {
            (Some(_), None) => self.tally.applied_only_in_b += 1,
            (None, _) => self.tally.applied_only_in_a += 1,
            (Some(_), Some(_)) => self.tally.refused_for_other_reason += 1,
        }
        let Some(row) = a.or(b) else { return Ok(()) };
        let (place, line) = row.at;
        // Rules have limits for ids, so that one side may read a field that the other does not.
        let row = RowDifference {
            file: self.inputs[place].as_os_str().as_encoded_bytes(),
            line,
            kind: row.kind.or(b.and_then(|it| it.kind)),
            client: row.client.or(b.and_then(|it| it.client)),
            tx: row.tx.or(b.and_then(|it| it.tx)),
            amount: row.amount.or(b.and_then(|it| it.amount)),
            a: reason_a,
            b: reason_b,
        };
        self.listing.row(&row).map_err(|error| {
            self.error = Some(error);
            io::Error::other("the findings cannot be kept")
        })
    }
}
