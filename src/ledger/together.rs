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
        let step = if self.accounts.are_many_near() { FEW } else { rows.len().max(1) };
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
        if self.accounts.are_many_far() {
            self.accounts.touch(rows.iter().map(|row| posting(row).client));
        }
        let Together { slots, referring, references, .. } = together;
        let (mut at, mut count) = (0, 0);
        for row in rows {
            referring[count] = at;
            count = count.wrapping_add(usize::from(!posting(row).kind.moves_money()));
            at = at.wrapping_add(1);
        }
        *references = count;
        let near = self.accounts.find_near(rows.iter().map(|row| posting(row).client), slots);
        for (row, slot) in rows[near..].iter().zip(&mut slots[near..]) {
            let Posting { kind, client, .. } = posting(row);
            *slot = self.find(kind, client);
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
