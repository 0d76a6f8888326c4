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

/// Rows that are applied together, by their places.
///
/// Two of the lists are written for every row and kept for some, without a branch, since nobody can
/// guess which: what stands behind the count of those kept means nothing.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// The account of each.
    slots: Vec<Slot>,
    /// Those that refer to others.
    referring: Vec<usize>,
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
    }
}

impl Shard {
    /// Applies the transactions of rows, in their order, as [`Shard::apply`] applies one; `posting`
    /// tells what a row means. Adds those that are refused to `refused`, by their places.
    ///
    /// What all of them look at is fetched before the first is applied, so that no row waits for
    /// what another has fetched (bench `pipeline`): some hundred rows at a time are best.
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
        let mut at = 0;
        loop {
            if rows.get(at).is_some_and(|row| posting(row).is_plain()) {
                at = self.move_plainly(rows, posting, &mut together, at);
            }
            let Some(row) = rows.get(at) else { break };
            let outcome = self.apply_at(together.slots[at], posting(row));
            together.outcomes[together.refused] = (at, outcome);
            together.refused += usize::from(outcome.is_err());
            at += 1;
        }
        let rejection = |&(at, outcome): &(_, Result<_, _>)| Some((at, outcome.err()?));
        refused.extend(together.outcomes[..together.refused].iter().filter_map(rejection));
        self.together = together;
    }

    /// Finds the accounts of rows, and fetches what applying them will look at.
    #[inline]
    fn find_all<R>(
        &mut self,
        rows: &[R],
        posting: impl Fn(&R) -> Posting + Copy,
        together: &mut Together,
    ) {
        if self.accounts.are_many_far() {
            self.accounts.touch(rows.iter().map(|row| posting(row).client));
        }
        let Together { slots, referring, .. } = together;
        let (mut at, mut count) = (0, 0);
        for row in rows {
            referring[count] = at;
            count = count.wrapping_add(usize::from(!posting(row).kind.moves_money()));
            at = at.wrapping_add(1);
        }
        let near = self.accounts.find_near(rows.iter().map(|row| posting(row).client), slots);
        for (row, slot) in rows[near..].iter().zip(&mut slots[near..]) {
            let Posting { kind, client, .. } = posting(row);
            *slot = self.find(kind, client);
            self.accounts.prefetch(*slot);
        }
        for &at in &referring[..count] {
            self.transactions.prefetch(posting(&rows[at]).key);
            self.accounts.prefetch_held_place(slots[at]);
        }
        for &at in &referring[..count] {
            self.accounts.prefetch_held(slots[at]);
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
