//! Rows applied together: what all of them look at is fetched first, and most of them are deposits
//! and withdrawals, which take no branch.
//!
//! What a single row does is decided in `shard` and `verdict`; nothing here has a rule of its own.

use super::accounts::{Entry, Slot};
use super::posting::Posting;
use super::shard::Shard;
use super::verdict::Verdict;
use crate::amount::Balance;
use crate::outcome::Rejection;
use crate::rules::{Locked, TxIdSpace};
use crate::transaction::Kind;

/// Rows that are applied before more is fetched, where accounts are in no cache of a core's own: a
/// core fetches some twenty lines from memory at once, and may forget what is asked of it beyond.
const FEW: usize = 8;

/// Rows by which the clients are fetched ahead that are in a large map.
const AHEAD: usize = 24;

/// Rows that are applied together, by their places.
///
/// Two of the lists are written for every row and kept for some, without a branch, since nobody can
/// guess which: what stands behind the count of those kept means nothing.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// The account of each.
    slots: Vec<Slot>,
    /// Where clients are looked for first that are in a large map; kept for its memory.
    homes: Vec<usize>,
    /// Those that refer to others.
    referring: Vec<usize>,
    /// How many refer to others.
    references: usize,
    /// Rows for which everything has been fetched, and references among them.
    fetched: usize,
    fetched_references: usize,
    /// Those that were refused.
    outcomes: Vec<(usize, Result<(), Rejection>)>,
    /// How many were refused.
    refused: usize,
}

impl Together {
    /// Makes room for some rows, none of them refused.
    fn start(&mut self, rows: usize) {
        self.slots.resize(rows, Slot::NONE);
        if self.referring.len() <= rows {
            self.referring.resize(rows + 1, 0);
            self.outcomes.resize(rows + 1, (0, Ok(())));
        }
        self.refused = 0;
        self.fetched = 0;
        self.fetched_references = 0;
    }
}

impl Shard {
    /// Applies the transactions of rows, in their order, as [`Shard::apply`] applies one; `posting`
    /// tells what a row means. Adds those that are refused to `refused`, by their places.
    ///
    /// What rows look at is fetched some rows before they are applied, so that none waits for what
    /// another has fetched (bench `pipeline`): some hundred rows at a time are best.
    ///
    /// # Panics
    /// As [`Shard::apply`].
    #[inline]
    pub fn apply_all<R>(
        &mut self,
        rows: &[R],
        posting: impl Fn(&R) -> Posting + Copy,
        refused: &mut Vec<(usize, Rejection)>,
    ) {
        self.review();
        let mut together = std::mem::take(&mut self.together);
        together.start(rows.len());
        self.find_all(rows, posting, &mut together);
        let are_many = self.accounts.are_many_near() || self.accounts.are_many_far();
        let step = if are_many { FEW } else { rows.len().max(1) };
        let mut at = 0;
        for start in (0..rows.len()).step_by(step) {
            self.fetch_below(start + 3 * step, rows, posting, &mut together);
            let end = rows.len().min(start + step);
            at = self.apply_from(at, &rows[..end], posting, &mut together);
        }
        let rejection = |&(at, outcome): &(_, Result<_, _>)| Some((at, outcome.err()?));
        refused.extend(together.outcomes[..together.refused].iter().filter_map(rejection));
        self.together = together;
    }

    /// Finds the accounts of rows, and the rows that refer to others.
    #[inline]
    fn find_all<R>(
        &mut self,
        rows: &[R],
        posting: impl Fn(&R) -> Posting + Copy,
        together: &mut Together,
    ) {
        let Together { slots, homes, referring, references, .. } = together;
        let (mut at, mut count) = (0, 0);
        for row in rows {
            referring[count] = at;
            count = count.wrapping_add(usize::from(!posting(row).kind.moves_money()));
            at = at.wrapping_add(1);
        }
        *references = count;
        let near = self.accounts.find_near(rows.iter().map(|row| posting(row).client), slots);
        let (rows, slots) = (&rows[near..], &mut slots[near..]);
        if !rows.is_empty() && self.accounts.is_map_large() {
            return self.find_far(rows, posting, slots, homes);
        }
        for (row, slot) in rows.iter().zip(slots) {
            let Posting { kind, client, .. } = posting(row);
            *slot = self.find(kind, client);
        }
    }

    /// Finds the accounts of rows whose clients are in a large map.
    #[inline]
    fn find_far<R>(
        &mut self,
        rows: &[R],
        posting: impl Fn(&R) -> Posting,
        slots: &mut [Slot],
        homes: &mut Vec<usize>,
    ) {
        // What is known of the map below is good only as long as it does not grow.
        self.accounts.reserve(rows.len());
        homes.clear();
        homes.extend(rows.iter().map(|row| self.accounts.home(posting(row).client)));
        for &home in homes.iter().take(AHEAD) {
            self.accounts.prefetch_home(home);
        }
        for (at, (row, slot)) in rows.iter().zip(slots).enumerate() {
            if let Some(&home) = homes.get(at + AHEAD) {
                self.accounts.prefetch_home(home);
            }
            let Posting { kind, client, .. } = posting(row);
            let found = self.accounts.find_from(homes[at], client);
            *slot = self.found_or_added(found, kind, client);
        }
    }

    /// Fetches what applying the rows below `end` will look at, as far as it has not been.
    #[inline]
    fn fetch_below<R>(
        &self,
        end: usize,
        rows: &[R],
        posting: impl Fn(&R) -> Posting,
        together: &mut Together,
    ) {
        let end = end.min(rows.len());
        for &slot in &together.slots[together.fetched..end] {
            self.accounts.prefetch(slot);
        }
        together.fetched = end;
        let referring = &together.referring[together.fetched_references..together.references];
        for &at in referring.iter().take_while(|&&at| at < end) {
            self.transactions.prefetch(posting(&rows[at]).key);
            self.accounts.prefetch_held(together.slots[at]);
            together.fetched_references += 1;
        }
    }

    /// Applies rows from `at` on; gives their end.
    #[inline]
    fn apply_from<R>(
        &mut self,
        mut at: usize,
        rows: &[R],
        posting: impl Fn(&R) -> Posting + Copy,
        together: &mut Together,
    ) -> usize {
        loop {
            if rows.get(at).is_some_and(|row| posting(row).is_plain()) {
                at = self.move_plainly(rows, posting, together, at);
            }
            let Some(row) = rows.get(at) else { return at };
            let outcome = self.apply_at(together.slots[at], posting(row));
            together.outcomes[together.refused] = (at, outcome);
            together.refused += usize::from(outcome.is_err());
            at += 1;
        }
    }

    /// Applies rows from `at` on, as long as they are deposits and withdrawals of which nothing else
    /// is known and their accounts are in one table; gives the place of the first other row. Which
    /// of the two a row is, and whether it is refused, is computed with rather than branched on:
    /// nobody can guess it.
    #[inline]
    fn move_plainly<R>(
        &mut self,
        rows: &[R],
        posting: impl Fn(&R) -> Posting,
        together: &mut Together,
        mut at: usize,
    ) -> usize {
        let Together { slots, outcomes, refused, .. } = together;
        let Some(&first) = slots.get(at).filter(|_| self.rules.tx_ids == TxIdSpace::Global) else {
            return at;
        };
        let is_frozen = self.rules.locked == Locked::Frozen;
        let (mut entries, mut opened) = (self.accounts.entries_beside(first), 0_usize);
        for (row, &slot) in rows[at..].iter().zip(&slots[at..]) {
            let posting = posting(row);
            if !posting.is_plain() {
                break;
            }
            let Some(amount) = posting.amount else { break };
            let withdraws = posting.kind == Kind::Withdrawal;
            let Some(bits) = entries.get_mut(slot) else { break };
            let entry = Entry::of_bits(*bits);
            let Some(change) = entry.change(amount, withdraws) else { break };
            let verdict = Verdict::on(entry, change, withdraws, is_frozen);
            // Decided. What is refused moves nothing.
            *bits = entry.changed(change, verdict.moves).bits();
            opened = opened.wrapping_add(usize::from(!entry.is_open()));
            self.moved[usize::from(withdraws)] += Balance::kept(amount, verdict.moves);
            outcomes[*refused] = (at, verdict.outcome);
            *refused = refused.wrapping_add(usize::from(verdict.outcome.is_err()));
            at = at.wrapping_add(1);
        }
        self.accounts.count_opened(opened);
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amount::Amount;
    use crate::ledger::Marks;
    use crate::rules::Rules;
    use crate::transaction::Transaction;

    /// A row, and whether it is to be remembered.
    type Row = (Transaction, bool);

    fn posting(&(transaction, is_kept): &Row) -> Posting {
        Posting::by_id(&transaction, if is_kept { Marks::REMEMBER } else { Marks::NONE })
    }

    /// Rows of clients in the table and in the map, which grows several times; each with an id of its
    /// own, or one that refers to another row.
    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let client = prop_oneof![0..5_u64, (1..999_u64).prop_map(|it| it << 40), any::<u64>()];
        let row = (0..8_u8, client, 1..9_u64, any::<prop::sample::Index>());
        prop::collection::vec(row, 1..700).prop_map(|rows| {
            let mut made: Vec<Row> = Vec::new();
            for ((kind, client, units, other), tx) in rows.into_iter().zip(0..) {
                let amount = Amount::from_units(units).unwrap();
                let transaction = match kind {
                    5.. if tx > 0 => {
                        let place = other.index(made.len());
                        let (other, is_kept) = &mut made[place];
                        *is_kept = other.kind.moves_money();
                        let kinds = [Kind::Dispute, Kind::Resolve, Kind::Chargeback];
                        Transaction { kind: kinds[usize::from(kind - 5)], amount: None, ..*other }
                    }
                    0..3 => Transaction::deposit(client, tx, amount),
                    _ => Transaction::withdrawal(client, tx, amount),
                };
                made.push((transaction, false));
            }
            made
        })
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "minutes, and no unsafe code on the way")]
        fn rows_together_do_what_each_does_alone(rows in rows(), few in 1..200_usize) {
            let (mut alone, mut together) = (Shard::new(Rules::default()), Shard::new(Rules::default()));
            for rows in rows.chunks(few) {
                let mut refused = Vec::new();
                together.apply_all(rows, posting, &mut refused);
                let outcomes = rows.iter().map(|row| alone.apply(&posting(row)));
                let expected: Vec<_> =
                    outcomes.enumerate().filter_map(|(at, outcome)| Some((at, outcome.err()?))).collect();
                prop_assert_eq!(refused, expected);
            }
            prop_assert_eq!(together.close(), alone.close());
        }
    }
}
