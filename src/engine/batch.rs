//! What travels from the reader to a worker: rows of fixed size, in batches.

use std::hash::Hasher;

use super::parsed::InBlock;
use crate::ledger::{Marks, Posting};
use crate::outcome::Reason;
use crate::parser::{Legible, PlainRow, PlainRows};

/// What a row is on its way to its shard: as the parser left it, so that whole blocks of rows travel
/// as they are. Its note holds the marks, its id the key of the posting.
impl PlainRow {
    #[inline]
    pub(super) fn posting(&self) -> Posting {
        let &Self { client, tx, amount, kind, note, .. } = self;
        Posting { kind, client, amount, key: tx, marks: Marks::of_bits(note) }
    }

    /// Where the row stands in its block.
    pub(super) fn place(&self) -> InBlock {
        InBlock { offset: self.offset, line: self.line }
    }

    /// What the row means, unless its id has made room for a place.
    pub(super) fn unplaced(&self) -> Option<Legible> {
        let is_placed = Marks::of_bits(self.note).has(Marks::PLACED);
        (!is_placed).then(|| self.transaction().into())
    }
}

/// Rows for one worker, all of them from one block where outcomes are reported.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: PlainRows,
    /// The number of the block, from 0.
    pub(super) block: u64,
    /// No further batch of the block goes to this worker.
    pub(super) ends_block: bool,
}

/// A row that was not applied, by its place in its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) place: InBlock,
    pub(super) reason: Reason,
    /// What can be read of it, where that is at hand: nobody needs to read it again.
    pub(super) legible: Option<Legible>,
}

/// Chooses the shard of a client.
///
/// The hash is unlike the one of the shards' maps, so that the clients of one shard do not share
/// a part of theirs.
#[inline]
pub(super) fn route(client: u64, shards: usize) -> usize {
    if shards == 1 { 0 } else { route_among(client, shards) }
}

/// As [`route`], for several shards.
#[inline]
pub(super) fn route_among(client: u64, shards: usize) -> usize {
    let mut hasher = fxhash::FxHasher::default();
    hasher.write_u64(client);
    let scaled = u128::from(hasher.finish()) * u128::try_from(shards).expect("a count");
    usize::try_from(scaled >> 64).expect("below the number of shards")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "210,000 clients, and nothing in it but numbers")]
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
