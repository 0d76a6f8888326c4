//! An account: what one client owns, as it stands between two transactions.
//!
//! The ledger keeps accounts in a form of its own, and changes them there.

use crate::amount::Balance;

/// The money of one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    available: Balance,
    held: Balance,
    locked: bool,
}

impl Account {
    /// Makes an account as it stands in a report.
    pub const fn new(available: Balance, held: Balance, locked: bool) -> Self {
        Self { available, held, locked }
    }

    /// What the client can withdraw; negative when disputed money had been spent.
    #[inline]
    pub const fn available(&self) -> Balance {
        self.available
    }

    /// What is under dispute; never negative.
    #[inline]
    pub const fn held(&self) -> Balance {
        self.held
    }

    /// Available and held together.
    #[inline]
    pub const fn total(&self) -> Balance {
        Balance::from_units(self.available.units() + self.held.units())
    }

    /// Whether a chargeback has locked the account.
    #[inline]
    pub const fn is_locked(&self) -> bool {
        self.locked
    }
}
