//! A look over the rows of a block before their ids are decided: which of them refer to others, and
//! whether the ids of the rest follow one another.

use crate::ledger::{Lookup, Registry};
use crate::parser::PlainRow;

/// Rows whose ids are decided together: one bit of a mask for each.
pub(super) const MASK_BITS: usize = 64;

/// References between a fetch and the look at what it has fetched.
pub(super) const AHEAD: usize = 24;

/// What is known of the rows of a block before their ids are decided.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) groups: Vec<Group>,
    /// The rows that refer to transactions.
    pub(super) references: Vec<Reference>,
    /// The places of these rows among those of the block.
    places: Vec<usize>,
}

/// Rows whose ids are decided together.
pub(super) struct Group {
    /// Which of them move money, the first lowest.
    pub(super) money: u64,
    /// Where the ids of these start, if they follow one another.
    pub(super) run: Option<u64>,
}

/// A row that refers to a transaction.
pub(super) struct Reference {
    /// Its place among the rows of the block.
    pub(super) at: usize,
    pub(super) lookup: Lookup,
}

impl Survey {
    /// Looks over the rows of a block, and looks up what they refer to.
    pub(super) fn make(&mut self, rows: &[PlainRow], registry: &mut Registry) {
        self.groups.clear();
        self.places.clear();
        for (rows, start) in rows.chunks(MASK_BITS).zip((0..).step_by(MASK_BITS)) {
            let group = Group::of(rows);
            let all = u64::MAX >> (MASK_BITS - rows.len());
            self.places.extend(ones(!group.money & all).map(|at| start + at));
            self.groups.push(group);
        }
        let tx = |at: &usize| rows[*at].tx;
        self.references.clear();
        self.references.extend(self.places.iter().enumerate().map(|(index, at)| {
            if let Some(ahead) = self.places.get(index + AHEAD) {
                registry.prefetch(tx(ahead));
            }
            Reference { at: *at, lookup: registry.look_up(tx(at)) }
        }));
    }
}

impl Group {
    /// Finds out about at most 64 rows. No row takes a branch: nobody can guess which refer to
    /// others.
    #[inline]
    fn of(rows: &[PlainRow]) -> Self {
        let first = rows.iter().find(|row| row.kind.moves_money()).map_or(0, |row| row.tx);
        let (mut money, mut differ, mut next) = (0, 0, first);
        for row in rows.iter().rev() {
            money = money << 1 | u64::from(row.kind.moves_money());
        }
        for (row, at) in rows.iter().zip(0_u32..) {
            let moves = money >> at & 1;
            differ |= (row.tx ^ next) & moves.wrapping_neg();
            next = next.wrapping_add(moves);
        }
        Self { money, run: (differ == 0).then_some(first) }
    }
}

/// Gives the places of the ones in a mask, from the lowest on.
#[inline]
pub(super) fn ones(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (place < u64::BITS).then(|| usize::try_from(place).expect("below 64"))
    })
}
