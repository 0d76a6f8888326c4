//! An account: what one client owns, and the five ways in which it changes.
//!
//! The transitions are unconditional; whether one is allowed is decided by the ledger beforehand.

use crate::amount::{Amount, Balance};

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

    /// Tells whether `amount` is available.
    #[inline]
    pub fn covers(&self, amount: Amount) -> bool {
        if planted!(DisputeOfAllRefused) {
            return self.available > Balance::from(amount);
        }
        self.available >= Balance::from(amount)
    }

    /// Credits `amount`.
    #[inline]
    pub fn deposit(&mut self, amount: Amount) {
        self.available += amount;
    }

    /// Debits `amount`.
    #[inline]
    pub fn withdraw(&mut self, amount: Amount) {
        debug_assert!(self.covers(amount));
        self.available -= amount;
    }

    /// Holds `amount` while it is under dispute.
    #[inline]
    pub fn hold(&mut self, amount: Amount) {
        self.available -= amount;
        if planted!(HeldSubtracted) {
            return self.held -= amount;
        }
        self.held += amount;
    }

    /// Makes a held `amount` available again.
    #[inline]
    pub fn release(&mut self, amount: Amount) {
        self.held -= amount;
        if planted!(ResolveKeepsMoney) {
            return;
        }
        self.available += amount;
        debug_assert!(self.held >= Balance::ZERO);
    }

    /// Takes a held `amount` away and locks the account.
    #[inline]
    pub fn charge_back(&mut self, amount: Amount) {
        if planted!(ChargebackTakesAvailable) {
            self.available -= amount;
        } else {
            self.held -= amount;
        }
        self.locked = !planted!(ChargebackLocksNot);
        debug_assert!(self.held >= Balance::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn holding_spent_money_leaves_a_debt() {
        let mut account = Account::default();
        account.deposit(amount("5"));
        account.withdraw(amount("4"));
        account.hold(amount("5"));
        assert_eq!(account.available().to_string(), "-4.0000");
        assert_eq!(account.held().to_string(), "5.0000");
        assert_eq!(account.total().to_string(), "1.0000");
    }

    #[test]
    fn a_chargeback_takes_the_held_amount_and_locks() {
        let mut account = Account::default();
        account.deposit(amount("5"));
        account.hold(amount("5"));
        account.charge_back(amount("5"));
        assert_eq!(account, Account::new(Balance::ZERO, Balance::ZERO, true));
    }

    #[test]
    fn a_release_undoes_a_hold() {
        let mut account = Account::default();
        account.deposit(amount("5"));
        let before = account;
        account.hold(amount("5"));
        account.release(amount("5"));
        assert_eq!(account, before);
    }
}
