//! The balances file, written fast.
//!
//! One row per client, ascending, every amount with four decimals. [`crate::balances_file`] reads it
//! back. Which balances are right is not known here.

use std::io::{self, Write};
use std::iter::{Skip, StepBy};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::slice::Iter;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use crate::account::Account;
use crate::amount::Balance;
use crate::balances_file::COLUMNS;
use crate::decimal;
use crate::ledger::{Reading, SortedAccounts};
use crate::text::Text;

use super::lines::Lines;

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
        let mut memory = Reading::default();
        let mut text = Lines::default();
        for part in &parts {
            text.clear();
            append_rows(accounts, part, &mut memory, &mut text);
            out.write_all(text.bytes())?;
        }
        return out.flush();
    }
    thread::scope(|scope| {
        let mut lanes = Vec::with_capacity(threads);
        let mut handles = Vec::with_capacity(threads);
        for first in 0..threads {
            let (outbox, texts) = sync_channel(QUEUED_TEXTS);
            let (used, inbox) = channel();
            let share = parts.iter().skip(first).step_by(threads);
            let body = move || send_texts(accounts, share, &outbox, &inbox);
            let builder = thread::Builder::new().name(format!("balances-{first}"));
            handles.push(builder.spawn_scoped(scope, body)?);
            lanes.push((texts, used));
        }
        // The threads take the parts in turn. A lane that has ended early is that of a panic.
        let lanes_in_turn = lanes.iter().cycle().take(parts.len());
        let texts = lanes_in_turn.map_while(|(texts, used)| Some((texts.recv().ok()?, used)));
        let written = texts.map(|(text, used)| {
            out.write_all(text.bytes())?;
            // A thread that has ended needs no memory.
            let _ = used.send(text);
            Ok(())
        });
        let written = written.collect::<io::Result<()>>();
        // From here on what the threads send fails, so that none waits for a writer that is gone.
        drop(lanes);
        for handle in handles {
            handle.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        written
    })?;
    out.flush()
}

/// Sends the text of each part of a share, until nobody takes it, in memory that comes back.
fn send_texts(
    accounts: &SortedAccounts,
    share: StepBy<Skip<Iter<'_, RangeInclusive<u64>>>>,
    outbox: &SyncSender<Lines>,
    inbox: &Receiver<Lines>,
) {
    let mut memory = Reading::default();
    for part in share {
        let mut text = inbox.try_recv().unwrap_or_default();
        text.clear();
        append_rows(accounts, part, &mut memory, &mut text);
        if outbox.send(text).is_err() {
            return;
        }
    }
}

/// Appends the accounts of a part; `memory` is kept from part to part.
fn append_rows(
    accounts: &SortedAccounts,
    part: &RangeInclusive<u64>,
    memory: &mut Reading,
    text: &mut Lines,
) {
    accounts.visit(part, memory, |client, account| {
        if planted!(EmptyAccountDropped) && account == Account::default() {
            return;
        }
        let mut line = text.line();
        decimal::push(&mut line, client);
        line.push(b',');
        let start = line.len();
        account.available().push_to(&mut line);
        if account.held() == Balance::ZERO {
            // Most accounts: the total is the same text once more.
            let available = start..line.len();
            line.put(b",0.0000,", 8);
            line.put_again(available);
        } else {
            line.push(b',');
            account.held().push_to(&mut line);
            line.push(b',');
            account.total().push_to(&mut line);
        }
        let (locked, length) =
            if account.is_locked() { (b",true\n\0\0", 6) } else { (b",false\n\0", 7) };
        line.put(locked, length);
        line.end();
    });
}

#[cfg(test)]
mod tests;
