//! The verdict on a deposit or a withdrawal, without a branch: whether it is refused nobody can guess.

use super::accounts::{Change, Entry};
use crate::outcome::Rejection;

/// What becomes of a deposit or a withdrawal.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    /// All ones where it is applied, else zero.
    pub(super) moves: u64,
    pub(super) outcome: Result<(), Rejection>,
}

impl Verdict {
    pub(super) const APPLIED: Self = Self { moves: u64::MAX, outcome: Ok(()) };

    /// By whether the lock of the account bars the row, and whether there is too little. It is
    /// looked up: compilers make branches of what they can see to be one of two values.
    const ALL: [Self; 4] = {
        let locked = Self::of(Rejection::AccountLocked);
        [Self::APPLIED, Self::of(Rejection::InsufficientFunds), locked, locked]
    };

    const fn of(rejection: Rejection) -> Self {
        Self { moves: 0, outcome: Err(rejection) }
    }

    /// Makes the checks of a row that can move what it is about to. Nothing here is a branch.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called in two places, one of them for every row")]
    #[expect(clippy::needless_bitwise_bool, reason = "no branch")]
    pub(super) fn on(
        entry: Entry,
        change: Change,
        withdraws: bool,
        is_frozen: bool,
    ) -> &'static Self {
        let is_barred = entry.is_locked()
            & (withdraws | is_frozen)
            & (!planted!(LockedTakesDeposits) | withdraws);
        let least = match withdraws {
            true if planted!(WithdrawalOfAllRefused) => 1,
            true if planted!(WithdrawalOfOneMore) => -1,
            _ => 0,
        };
        let is_short = withdraws & change.leaves_less_than(least);
        &Self::ALL[usize::from(is_barred) * 2 + usize::from(is_short)]
    }
}
