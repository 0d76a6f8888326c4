//! A look over the rows of a block before their ids are decided: which of them refer to others, and
//! whether the ids of the rest follow one another.
//!
//! The reader, which decides, looks at this instead of rows.

use super::partition::{Partitions, Position, SCATTERED_AT_ONCE};
use crate::parser::PlainRow;

/// Rows whose ids are decided together: one bit of a mask for each.
pub(super) const MASK_BITS: usize = SCATTERED_AT_ONCE;

/// What is known of the rows of a block before their ids are decided.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) groups: Vec<Group>,
    /// The rows that refer to transactions.
    pub(super) references: Vec<Reference>,
    /// The ids of the rows of those groups in which they do not follow one another; 0 for a row that
    /// refers to another.
    pub(super) ids: Vec<u64>,
}

/// Rows whose ids are decided together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// How many they are.
    pub(super) rows: usize,
    /// Which of them move money, the first lowest.
    pub(super) money: u64,
    /// Where the ids of these start, if they follow one another.
    pub(super) run: Option<u64>,
}

/// A row that refers to a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) tx: u64,
    /// Its place among the rows of the block.
    pub(super) at: u32,
    /// Where it stands.
    pub(super) position: Position,
}

impl Survey {
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.references.clear();
        self.ids.clear();
    }

    /// Looks over the rows that come next, once they have been scattered. `start` is the place of the
    /// first in its block.
    pub(super) fn look(&mut self, rows: &[PlainRow], start: usize, partitions: &Partitions) {
        for (rows, start) in rows.chunks(MASK_BITS).zip((start..).step_by(MASK_BITS)) {
            let group = Group::of(rows);
            let all = u64::MAX >> (MASK_BITS - rows.len());
            self.references.extend(ones(!group.money & all).map(|at| {
                let place = start + at;
                Reference {
                    tx: rows[at].tx,
                    at: u32::try_from(place).expect("few"),
                    position: partitions.position(place),
                }
            }));
            if group.run.is_none() {
                self.ids.extend(rows.iter().map(|row| row.tx & row.kind.money_mask()));
            }
            self.groups.push(group);
        }
    }
}

impl Group {
    /// Finds out about at most 64 rows. No row takes a branch: nobody can guess which refer to
    /// others.
    #[inline]
    fn of(rows: &[PlainRow]) -> Self {
        // From the last one back, as a mask grows at its end.
        let last = rows.iter().rfind(|row| row.kind.moves_money()).map_or(u64::MAX, |row| row.tx);
        let (mut money, mut differ, mut next) = (0, 0, last);
        for row in rows.iter().rev() {
            let moves = row.kind.money_mask();
            money = money << 1 | moves & 1;
            differ |= (row.tx ^ next) & moves;
            next = next.wrapping_add(moves);
        }
        let first = next.wrapping_add(1);
        Self { rows: rows.len(), money, run: (differ == 0).then_some(first) }
    }

    /// Gives the id of a row that moves money, where they follow one another from `first` on.
    #[inline]
    pub(super) fn id(&self, first: u64, at: usize) -> u64 {
        let before = self.money & !(u64::MAX << at);
        first.wrapping_add(before.count_ones().into())
    }

    /// Spells out the ids of its rows, which follow one another from `first` on.
    pub(super) fn spell(&self, first: u64) -> [u64; MASK_BITS] {
        let mut next = first;
        std::array::from_fn(|at| {
            let moves = self.money >> at & 1;
            let id = next & moves.wrapping_neg();
            next = next.wrapping_add(moves);
            id
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::PlainRows;
    use crate::transaction::Kind;

    fn row((kind, tx): (Kind, u64)) -> PlainRow {
        PlainRow { client: 1, tx, kind, ..PlainRow::NONE }
    }

    #[test]
    fn ids_are_spelled_out_or_told_by_the_first() {
        use Kind::{Chargeback, Deposit, Dispute, Resolve, Withdrawal};
        let (mut survey, mut partitions) = (Survey::default(), Partitions::default());
        partitions.begin(&mut PlainRows::default(), 1);
        for (rows, run) in [
            (&[(Deposit, 7), (Dispute, 3), (Withdrawal, 8), (Deposit, 9)][..], Some(7)),
            (&[(Resolve, 7), (Chargeback, 8)], Some(0)),
            (&[(Dispute, 1), (Withdrawal, u64::MAX), (Deposit, 0)], Some(u64::MAX)),
            (&[(Deposit, 7), (Deposit, 9)], None),
            (&[(Deposit, 7), (Dispute, 8), (Deposit, 9)], None),
        ] {
            // In the last group, which is not full, behind one that is.
            let filling: Vec<_> = (0..64).map(|tx| row((Deposit, tx))).collect();
            let rows: Vec<_> = rows.iter().copied().map(row).collect();
            survey.clear();
            survey.look(&[&filling, &rows[..]].concat(), 0, &partitions);
            let moves = |row: &PlainRow| row.kind.moves_money();
            let group = survey.groups[1];
            assert_eq!((group.rows, group.run), (rows.len(), run));
            let ids: Vec<_> = rows.iter().map(|row| if moves(row) { row.tx } else { 0 }).collect();
            match run {
                Some(first) => {
                    assert_eq!(group.spell(first)[..rows.len()], ids);
                    assert!(ones(group.money).all(|at| group.id(first, at) == ids[at]));
                }
                None => assert_eq!(survey.ids, ids),
            }
            assert!(ones(group.money).eq((0..rows.len()).filter(|&at| moves(&rows[at]))));
            let found = survey.references.iter().map(|it| (it.tx, it.at, it.position));
            let expected = rows.iter().zip(64..).filter(|(row, _)| !moves(row));
            let position = |at: u32| partitions.position(usize::try_from(at).unwrap());
            assert!(found.eq(expected.map(|(row, at)| (row.tx, at, position(at)))));
        }
    }
}
