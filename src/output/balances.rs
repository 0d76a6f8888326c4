//! The balances file: written fast, and read back for comparisons.
//!
//! One row per client, ascending, every amount with four decimals. Reading is strict where money is
//! at stake: exact decimals, a total that adds up, no client twice. Which balances are right is not
//! known here.

use std::io::{self, Read, Write};
use std::iter::{Skip, StepBy};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::slice::Iter;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use csv::{ReaderBuilder, StringRecord, Terminator, Trim};

use crate::account::Account;
use crate::amount::{AmountError, Balance};
use crate::ledger::SortedAccounts;
use crate::printable::Printable;

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 5] = ["client", "available", "held", "total", "locked"];

/// Fewer accounts than these are written sooner than a thread starts.
const FEW_ACCOUNTS: usize = 1 << 14;

/// Texts that may wait for the one before them, for each thread.
const QUEUED_TEXTS: usize = 2;

/// Writes the balances of `accounts` and flushes `out`.
///
/// With more than one thread, as many as `threads` make the text, and the calling thread writes it;
/// they have ended when this returns. The bytes are the same.
///
/// # Errors
/// What `out` reports, or that the system refuses a thread.
///
/// ```
/// use std::num::NonZeroUsize;
/// use millrace::account::Account;
/// use millrace::amount::Balance;
/// use millrace::output::balances;
///
/// let (available, held) = (Balance::from_units(-5_000), Balance::from_units(25_000));
/// let accounts = [(7, Account::new(available, held, true))].into();
/// let mut text = Vec::new();
/// balances::write(&mut text, &accounts, NonZeroUsize::MIN)?;
/// assert_eq!(text, b"client,available,held,total,locked\n7,-0.5000,2.5000,2.0000,true\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write(
    out: &mut impl Write,
    accounts: &SortedAccounts,
    threads: NonZeroUsize,
) -> io::Result<()> {
    let parts = accounts.parts();
    let threads = threads.get();
    out.write_all((COLUMNS.join(",") + "\n").as_bytes())?;
    if threads == 1 || accounts.len() < FEW_ACCOUNTS {
        let mut part_accounts = Vec::new();
        let mut text = Vec::new();
        for part in &parts {
            accounts.read(part, &mut part_accounts);
            text.clear();
            append_rows(&part_accounts, &mut text);
            out.write_all(&text)?;
        }
        return out.flush();
    }
    thread::scope(|scope| {
        let mut lanes = Vec::with_capacity(threads);
        let mut handles = Vec::with_capacity(threads);
        for first in 0..threads {
            let (outbox, lane) = sync_channel(QUEUED_TEXTS);
            let share = parts.iter().skip(first).step_by(threads);
            let body = move || send_texts(accounts, share, &outbox);
            let builder = thread::Builder::new().name(format!("balances-{first}"));
            handles.push(builder.spawn_scoped(scope, body)?);
            lanes.push(lane);
        }
        // The threads take the parts in turn. A lane that has ended early is that of a panic.
        let texts = lanes.iter().cycle().map_while(|lane| lane.recv().ok());
        let written = texts.take(parts.len()).try_for_each(|text| out.write_all(&text));
        // From here on what the threads send fails, so that none waits for a writer that is gone.
        drop(lanes);
        for handle in handles {
            handle.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        written
    })?;
    out.flush()
}

/// Sends the text of each part of a share, until nobody takes it.
fn send_texts(
    accounts: &SortedAccounts,
    share: StepBy<Skip<Iter<'_, RangeInclusive<u64>>>>,
    outbox: &SyncSender<Vec<u8>>,
) {
    let mut part_accounts = Vec::new();
    let mut text_bytes = 0;
    for part in share {
        accounts.read(part, &mut part_accounts);
        let mut text = Vec::with_capacity(text_bytes);
        append_rows(&part_accounts, &mut text);
        text_bytes = text.len() + text.len() / 8;
        if outbox.send(text).is_err() {
            return;
        }
    }
}

fn append_rows(accounts: &[(u64, Account)], text: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    for (client, account) in accounts {
        if planted!(EmptyAccountDropped) && *account == Account::default() {
            continue;
        }
        text.extend_from_slice(digits.format(*client).as_bytes());
        text.push(b',');
        let available = text.len();
        account.available().write_to(text);
        if account.held() == Balance::ZERO {
            // Most accounts: the total is the same text once more.
            let end = text.len();
            text.extend_from_slice(b",0.0000,");
            text.extend_from_within(available..end);
        } else {
            for balance in [account.held(), account.total()] {
                text.push(b',');
                balance.write_to(text);
            }
        }
        text.extend_from_slice(if account.is_locked() { b",true\n" } else { b",false\n" });
    }
}

/// One row of a balances file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceRow {
    /// The number of its line in the file, from 1.
    pub line: u64,
    /// The client.
    pub client: u64,
    /// What the client owns.
    pub account: Account,
}

/// Reads a balances file; the rows are returned ascending by client, in whatever order they stand.
///
/// The columns are found by name (ASCII case and surrounding blanks ignored), in any order.
/// Balances may have fewer than four decimals, or more where the excess is zeros.
///
/// # Errors
/// The input cannot be read, is not a CSV of the five columns, or a row holds something else than
/// an id, exact decimals and `true` or `false`, a total that is not available + held, or a client
/// that an earlier row has.
pub fn read(input: impl Read) -> Result<Vec<BalanceRow>, ReadError> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        // A newline ends a row, quoted or not, so that an unclosed quote harms one row.
        .quoting(false)
        // A CR is trimmed off; as part of the line end it would belong to the next record.
        .terminator(Terminator::Any(b'\n'))
        // With a last newline, the reader is past the line of a record whenever it has read one.
        .from_reader(input.chain(&b"\n"[..]));
    let columns = locate(reader.headers().map_err(read_error)?)?;
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(read_error)? {
        // The position of the record itself is that of the blank lines before it.
        let line = reader.position().line() - 1;
        let is_blank = record.len() == 1 && record[0].is_empty();
        if !is_blank {
            rows.push(read_row(&record, columns, line)?);
        }
    }
    // Of a repeated client the later line is to blame.
    rows.sort_by_key(|row| (row.client, row.line));
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].client == pair[1].client) {
        let BalanceRow { line, client, .. } = pair[1];
        return Err(ReadError::RepeatedClient { line, client });
    }
    Ok(rows)
}

/// Finds the five columns.
fn locate(header: &StringRecord) -> Result<[usize; 5], ReadError> {
    let mut columns = [0; 5];
    for (name, column) in COLUMNS.into_iter().zip(&mut columns) {
        let mut places =
            (0..header.len()).filter(|&at| unquoted(&header[at]).eq_ignore_ascii_case(name));
        *column = places.next().ok_or(ReadError::MissingColumn { name })?;
        if places.next().is_some() {
            return Err(ReadError::RepeatedColumn { name });
        }
    }
    match (0..header.len()).find(|at| !columns.contains(at)) {
        Some(at) => Err(ReadError::UnknownColumn { name: printable(&header[at]), column: at + 1 }),
        None => Ok(columns),
    }
}

/// Takes the quotes off a field, and the blanks in them.
fn unquoted(field: &str) -> &str {
    let inner = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or(field, str::trim)
}

fn read_row(
    record: &StringRecord,
    columns: [usize; 5],
    line: u64,
) -> Result<BalanceRow, ReadError> {
    if record.len() != COLUMNS.len() {
        return Err(ReadError::Width { line, found: record.len() });
    }
    let [client, available, held, total, locked] = columns.map(|column| unquoted(&record[column]));
    let fault =
        |field, text: &str, fault| ReadError::Field { line, field, text: printable(text), fault };
    let balance = |field, text: &str| {
        text.parse::<Balance>().map_err(|error| fault(field, text, error.into()))
    };
    let is_digits = client.bytes().all(|byte| byte.is_ascii_digit());
    let id = if is_digits { client.parse().ok() } else { None };
    let id = id.ok_or_else(|| fault("client", client, FieldFault::Id))?;
    let (available, held) = (balance("available", available)?, balance("held", held)?);
    let stated = balance("total", total)?;
    let locked = match locked {
        "true" => true,
        "false" => false,
        other => return Err(fault("locked", other, FieldFault::Flag)),
    };
    // Checked before an account is made, which may assume that its total fits.
    if available.units().checked_add(held.units()) != Some(stated.units()) {
        return Err(ReadError::Total { line, available, held, total: stated });
    }
    Ok(BalanceRow { line, client: id, account: Account::new(available, held, locked) })
}

fn read_error(error: csv::Error) -> ReadError {
    let line = error.position().map_or(1, csv::Position::line);
    // Lengths are checked here, and nothing is deserialized or sought: what is left is UTF-8.
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        ReadError::Io(error)
    } else {
        ReadError::NotText { line }
    }
}

/// Makes a text from a file fit to print.
fn printable(text: &str) -> String {
    const MOST: usize = 60;
    let bytes = text.as_bytes();
    let start = Printable::bytes(&bytes[..bytes.len().min(MOST)]).to_string();
    if bytes.len() > MOST { start + "..." } else { start }
}

/// What is wrong with one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    /// Not the digits of a 64-bit number.
    #[error("not an id of digits up to 18446744073709551615")]
    Id,
    /// Not an exact amount.
    #[error(transparent)]
    Balance(#[from] AmountError),
    /// Neither `true` nor `false`.
    #[error("neither true nor false")]
    Flag,
}

/// Why an input is no balances file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// It is not UTF-8.
    #[error("line {line}: not UTF-8 text; this is no balances file")]
    NotText {
        /// The line, from 1.
        line: u64,
    },
    /// A column is not named.
    #[error("the header has no column `{name}`; needed are {}", COLUMNS.join(", "))]
    MissingColumn {
        /// The column.
        name: &'static str,
    },
    /// A column is named twice.
    #[error("the header names the column `{name}` twice")]
    RepeatedColumn {
        /// The column.
        name: &'static str,
    },
    /// A column that balances do not have.
    #[error("unknown column `{name}` (number {column}); take it out of the file")]
    UnknownColumn {
        /// The column, fit to print.
        name: String,
        /// Its number, from 1.
        column: usize,
    },
    /// A row has more or fewer fields than the header.
    #[error("line {line}: {found} fields where the header has {}", COLUMNS.len())]
    Width {
        /// The line, from 1.
        line: u64,
        /// The fields of the row.
        found: usize,
    },
    /// A field does not hold what its column says.
    #[error("line {line}, {field} `{text}`: {fault}")]
    Field {
        /// The line, from 1.
        line: u64,
        /// The column.
        field: &'static str,
        /// The field, fit to print.
        text: String,
        /// What is wrong with it.
        #[source]
        fault: FieldFault,
    },
    /// The total is not the sum.
    #[error("line {line}, total {total}: not available {available} + held {held}")]
    Total {
        /// The line, from 1.
        line: u64,
        /// The balance available.
        available: Balance,
        /// The balance held.
        held: Balance,
        /// What the row says the total is.
        total: Balance,
    },
    /// Two rows have one client.
    #[error("line {line}, client {client}: an earlier line has this client")]
    RepeatedClient {
        /// The later line, from 1.
        line: u64,
        /// The client.
        client: u64,
    },
}

#[cfg(test)]
mod tests;
