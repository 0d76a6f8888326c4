//! What travels from the reader to a worker: rows of fixed size, in batches.

use super::deal::Part;
use super::parsed::InBlock;
use crate::ledger::{Marks, Posting};
use crate::outcome::Reason;
use crate::parser::{Legible, PlainRow};

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
    /// Parts of blocks, in order; those behind the first `filled` are empty ones, kept for their
    /// memory.
    parts: Vec<Part>,
    filled: usize,
    /// How many rows there are.
    rows: usize,
    /// The number of the block, from 0.
    pub(super) block: u64,
    /// No further batch of the block goes to this worker.
    pub(super) ends_block: bool,
}

impl Batch {
    /// Of more parts it does not consist, however few rows they have.
    const MOST_PARTS: usize = 16;

    /// Adds a part, and leaves an empty one in its place.
    #[inline]
    pub(super) fn add(&mut self, part: &mut Part) {
        if part.rows.is_empty() {
            return;
        }
        self.rows += part.rows.len();
        match self.parts.get_mut(self.filled) {
            Some(empty) => std::mem::swap(empty, part),
            None => self.parts.push(std::mem::take(part)),
        }
        self.filled += 1;
    }

    /// Tells whether it has so many rows, or as many parts as one may have.
    pub(super) fn is_full(&self, rows: usize) -> bool {
        self.rows >= rows || self.filled >= Self::MOST_PARTS
    }

    /// Gives the parts in order.
    pub(super) fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts[..self.filled]
    }

    /// Takes all rows out.
    pub(super) fn clear(&mut self) {
        self.parts_mut().iter_mut().for_each(Part::clear);
        self.filled = 0;
        self.rows = 0;
    }
}

/// A row that was not applied, by its place in its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) place: InBlock,
    pub(super) reason: Reason,
    /// Where its fields are in the list of these, or [`Refused::NOT_AT_HAND`].
    fields: u32,
}

const _: () = assert!(size_of::<Refused>() == 16);

impl Refused {
    const NOT_AT_HAND: u32 = u32::MAX;
}

/// Rows of one block that were not applied, and what can be read of them where that is at hand:
/// nobody needs to read it again. It takes much more memory than the rest, so only some have it.
#[derive(Debug, Default)]
pub(super) struct RefusedRows {
    pub(super) rows: Vec<Refused>,
    legibles: Vec<Legible>,
}

impl RefusedRows {
    /// Of so many rows what can be read is kept: half of those that a block has of the usual length.
    pub(super) const MOST_LEGIBLES: usize = 4096;

    pub(super) fn push(&mut self, place: InBlock, reason: Reason, legible: Option<Legible>) {
        let legible = legible.filter(|_| self.legibles.len() < Self::MOST_LEGIBLES);
        let fields = legible.map_or(Refused::NOT_AT_HAND, |_| self.next());
        self.legibles.extend(legible);
        self.rows.push(Refused { place, reason, fields });
    }

    /// Adds the rows that another worker has refused of the block.
    pub(super) fn append(&mut self, mut others: Self) {
        if self.rows.is_empty() {
            *self = others;
            return;
        }
        let before = self.next();
        for row in &mut others.rows {
            if row.fields != Refused::NOT_AT_HAND {
                row.fields += before;
            }
        }
        self.rows.append(&mut others.rows);
        self.legibles.append(&mut others.legibles);
    }

    /// Takes all rows out, and makes room for as many: blocks are much alike.
    pub(super) fn take(&mut self) -> Self {
        let room = |length: usize| length + length / 8;
        let rows = Vec::with_capacity(room(self.rows.len()));
        let legibles = Vec::with_capacity(room(self.legibles.len()));
        std::mem::replace(self, Self { rows, legibles })
    }

    /// Gives what can be read of one of the rows, if that is at hand.
    pub(super) fn legible(&self, row: &Refused) -> Option<Legible> {
        self.legibles.get(usize::try_from(row.fields).ok()?).copied()
    }

    fn next(&self) -> u32 {
        u32::try_from(self.legibles.len()).expect("some thousand for each worker")
    }
}
