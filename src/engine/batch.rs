//! What travels from the reader to a worker: entries of fixed size, in batches.

use std::hash::Hasher;

use crate::amount::Amount;
use crate::ledger::Marks;
use crate::outcome::Reason;
use crate::parser::PlainRow;
use crate::transaction::{Kind, Transaction};

/// A transaction on its way to its shard, with its place in the block it came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    client: u64,
    tx: u64,
    amount: Option<Amount>,
    /// Where its row starts in its block, in bytes.
    pub(super) offset: u32,
    kind: Kind,
    pub(super) marks: Marks,
}

const _: () = assert!(size_of::<Entry>() == 32);

impl Entry {
    #[inline]
    pub(super) fn new(row: &PlainRow, marks: Marks) -> Self {
        let &PlainRow { client, tx, amount, offset, kind } = row;
        Self { client, tx, amount, offset, kind, marks }
    }

    #[inline]
    pub(super) fn transaction(&self) -> Transaction {
        let &Self { client, tx, amount, kind, .. } = self;
        Transaction { client, tx, amount, kind }
    }
}

/// Entries for one worker, all of them from one block where outcomes are reported.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The number of the block, from 0.
    pub(super) block: u64,
    /// No further batch of the block goes to this worker.
    pub(super) ends_block: bool,
}

/// A row that was not applied, by its place in its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    /// Where the row starts in its block, in bytes.
    pub(super) offset: u32,
    pub(super) reason: Reason,
}

/// Chooses the shard of a client.
///
/// The hash is unlike the one of the shards' maps, so that the clients of one shard do not share
/// a part of theirs.
#[inline]
pub(super) fn route(client: u64, shards: usize) -> usize {
    if shards == 1 {
        return 0;
    }
    let mut hasher = fxhash::FxHasher::default();
    hasher.write_u64(client);
    let scaled = u128::from(hasher.finish()) * u128::try_from(shards).expect("a count");
    usize::try_from(scaled >> 64).expect("below the number of shards")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_spread_evenly() {
        for step in [1, 64, 4096] {
            let mut counts = [0_u32; 7];
            for client in 0..70_000 {
                counts[route(client * step, 7)] += 1;
            }
            assert!(counts.iter().all(|count| (8_000..12_000).contains(count)), "{counts:?}");
        }
    }
}
