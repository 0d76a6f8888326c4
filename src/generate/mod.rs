//! Test data: files of plausible, lopsided or hostile transactions, from a plan and a seed.
//!
//! The same plan gives the same bytes on every machine and in every release that does not say
//! otherwise in its change log. Memory is bounded: a billion rows take no more than a million. What
//! the rules make of a row is not known here, only what a row would have to be to provoke them.

mod mix;
mod nasty;
mod pool;
mod random;
mod spelling;
mod story;
mod templates;
mod workload;

pub use mix::{Mix, MixError};
pub use workload::{UnknownWorkload, Workload};

use std::io::{self, Write};

use nasty::Nasty;
use random::Random;
use story::Story;

/// The first line of every file.
const HEADER: &[u8] = b"type,client,tx,amount\n";

/// Bytes that are gathered before they are handed on.
const CHUNK_BYTES: usize = 256 << 10;

/// Room above a chunk for the row that completes it.
const SLACK_BYTES: usize = 8 << 10;

/// What a file shall hold.
///
/// ```
/// use millrace::generate::{Plan, Workload};
///
/// let plan = Plan { clients: 3, seed: 7, ..Plan::new(Workload::Uniform, 2) };
/// let mut file = Vec::new();
/// let written = plan.write_to(&mut file).unwrap();
/// assert_eq!((written.rows, written.bytes), (2, file.len() as u64));
/// assert!(file.starts_with(b"type,client,tx,amount\ndeposit,"));
///
/// let mut again = Vec::new();
/// plan.write_to(&mut again).unwrap();
/// assert_eq!(again, file);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Data rows; neither the header nor a blank line counts.
    pub rows: u64,
    /// Clients, numbered from 1. Zero counts as one.
    ///
    /// A chargeback locks its account for good: many rows for few clients end as `account_locked`.
    pub clients: u64,
    /// Where the stream of random numbers starts.
    pub seed: u64,
    /// The shape of the file.
    pub workload: Workload,
    /// How often each type occurs. A row that would refer to a transaction when there is none to
    /// refer to becomes a deposit, so a mix with more disputes than deposits is not reached.
    pub mix: Mix,
}

/// What has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Data rows.
    pub rows: u64,
    /// Bytes, with the header and blank lines.
    pub bytes: u64,
}

impl Plan {
    /// Plans `rows` rows of `workload` from seed 1, with the clients and the mix that the workload
    /// has by default.
    pub fn new(workload: Workload, rows: u64) -> Self {
        let clients = workload.default_clients(rows);
        Self { rows, clients, seed: 1, workload, mix: workload.default_mix() }
    }

    /// Writes the header and the rows to `out`, in chunks of 256 KiB, and flushes it.
    ///
    /// # Errors
    /// Whatever `out` fails with.
    pub fn write_to(&self, out: &mut (impl Write + ?Sized)) -> io::Result<Written> {
        let mut story = Story::new(self, Random::from_seed(self.seed));
        match self.workload {
            Workload::Nasty => {
                let mut nasty = Nasty::new(story);
                self.pour(out, |buffer| nasty.append_row(buffer))
            }
            Workload::Uniform
            | Workload::OneHotClient
            | Workload::DisputeHeavy
            | Workload::RandomIds
            | Workload::ManyClients => self.pour(out, |buffer| {
                spelling::append_plain(buffer, &story.next_draft());
                buffer.push(b'\n');
            }),
        }
    }

    /// Writes the header and the rows that `append_row` makes.
    fn pour(
        &self,
        out: &mut (impl Write + ?Sized),
        mut append_row: impl FnMut(&mut Vec<u8>),
    ) -> io::Result<Written> {
        let mut buffer = Vec::with_capacity(CHUNK_BYTES + SLACK_BYTES);
        buffer.extend_from_slice(HEADER);
        let mut bytes = 0;
        for _ in 0..self.rows {
            append_row(&mut buffer);
            if buffer.len() >= CHUNK_BYTES {
                bytes += hand_on(&mut buffer, out)?;
            }
        }
        bytes += hand_on(&mut buffer, out)?;
        out.flush()?;
        Ok(Written { rows: self.rows, bytes })
    }
}

/// Writes and empties the buffer; tells how many bytes it held.
fn hand_on(buffer: &mut Vec<u8>, out: &mut (impl Write + ?Sized)) -> io::Result<u64> {
    out.write_all(buffer)?;
    let bytes = u64::try_from(buffer.len()).expect("lengths fit 64 bits");
    buffer.clear();
    Ok(bytes)
}

#[cfg(test)]
mod tests;
