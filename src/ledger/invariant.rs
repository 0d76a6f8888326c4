//! What must hold of every ledger at its end, checked on every run.

use std::ops::RangeInclusive;

use super::sorted::{Reading, SortedAccounts};
use crate::amount::Balance;

/// The sums of all applied rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The sum of all applied deposits.
    pub deposited: Balance,
    /// The sum of all applied withdrawals.
    pub withdrawn: Balance,
    /// The sum of all amounts taken by chargebacks.
    pub charged_back: Balance,
    /// The sum of all amounts held by applied disputes, also of those that are settled since.
    pub disputed: Balance,
    /// The sum of all amounts released by resolves.
    pub resolved: Balance,
}

impl Totals {
    /// Adds the sums of another shard.
    pub fn add(&mut self, other: &Self) {
        self.deposited += other.deposited;
        self.withdrawn += other.withdrawn;
        self.charged_back += other.charged_back;
        self.disputed += other.disputed;
        self.resolved += other.resolved;
    }

    /// What all accounts together must hold: deposits less withdrawals less chargebacks.
    #[must_use]
    pub fn expected_total(&self) -> Balance {
        let mut expected = self.deposited;
        expected -= self.withdrawn;
        expected -= self.charged_back;
        expected
    }

    /// What all accounts together must hold for disputes: disputed less resolved less charged back.
    #[must_use]
    pub fn expected_held(&self) -> Balance {
        let mut expected = self.disputed;
        expected -= self.resolved;
        expected -= self.charged_back;
        expected
    }
}

/// An invariant that does not hold: a bug, after which no balance can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvariantError {
    /// An account holds less than nothing.
    #[error("client {client} holds {held}, less than nothing")]
    NegativeHeld {
        /// The client.
        client: u64,
        /// What is held.
        held: Balance,
    },
    /// Two accounts of one client, or accounts out of order.
    #[error("the account of client {client} is out of order")]
    Order {
        /// The client of the later account.
        client: u64,
    },
    /// Money was made or lost.
    #[error(
        "the accounts hold {actual} in all, but deposits - withdrawals - chargebacks = {expected}"
    )]
    Conservation {
        /// The sum of all totals.
        actual: Balance,
        /// What the applied rows amount to.
        expected: Balance,
    },
    /// More is held than disputes have put aside, or less.
    #[error("the accounts hold {actual} for disputes, but the open disputes amount to {expected}")]
    Held {
        /// What is held in the accounts together.
        actual: Balance,
        /// What the applied rows amount to.
        expected: Balance,
    },
    /// A row that was not applied was not reported, or was reported twice.
    #[error("of {refused} rows not applied, {reported} were reported")]
    Rejects {
        /// The rows counted as not applied.
        refused: u64,
        /// The rows given to the rejects.
        reported: u64,
    },
    /// Rows refer to transactions that were not named beforehand, and so were not remembered.
    #[error("{rows} rows refer to transactions that were not to be remembered")]
    Unnamed {
        /// Such rows.
        rows: u64,
    },
    /// A row has no outcome, or two.
    #[error("of {rows} rows, {accounted} have an outcome")]
    Rows {
        /// The rows read.
        rows: u64,
        /// The outcomes counted.
        accounted: u64,
    },
}

/// What has been found of some accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The accounts.
    pub accounts: u64,
    /// Those that are locked.
    pub locked: u64,
    /// The sum of what is available in them.
    pub available: Balance,
    /// The sum of what is held in them.
    pub held: Balance,
}

impl Audit {
    /// Adds what has been found of other accounts.
    pub fn add(&mut self, other: &Self) {
        self.accounts += other.accounts;
        self.locked += other.locked;
        self.available += other.available;
        self.held += other.held;
    }

    /// The sum of their totals.
    #[must_use]
    pub fn total(&self) -> Balance {
        let mut total = self.available;
        total += self.held;
        total
    }

    /// Checks that these, being all accounts, hold what the applied rows amount to.
    ///
    /// # Errors
    /// Money was made or lost, or is held for no dispute.
    pub fn check(&self, totals: &Totals) -> Result<(), InvariantError> {
        let (actual, expected) = (self.total(), totals.expected_total());
        if actual != expected {
            return Err(InvariantError::Conservation { actual, expected });
        }
        let (actual, expected) = (self.held, totals.expected_held());
        if actual != expected {
            return Err(InvariantError::Held { actual, expected });
        }
        Ok(())
    }
}

/// Checks of the accounts in `parts` that none holds less than nothing, and that every client has
/// one account.
///
/// # Errors
/// The first invariant that does not hold, with the first client that breaks it.
pub fn audit(
    accounts: &SortedAccounts,
    parts: &[RangeInclusive<u64>],
) -> Result<Audit, InvariantError> {
    let mut audit = Audit::default();
    let (mut before, mut memory) = (None, Reading::default());
    for part in parts {
        let mut fault = None;
        accounts.visit(part, &mut memory, |client, account| {
            if before >= Some(client) || !part.contains(&client) {
                fault = fault.or(Some(InvariantError::Order { client }));
            }
            before = Some(client);
            let held = account.held();
            if held < Balance::ZERO {
                fault = fault.or(Some(InvariantError::NegativeHeld { client, held }));
            }
            audit.accounts += 1;
            audit.locked += u64::from(account.is_locked());
            audit.available += account.available();
            audit.held += held;
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
    }
    Ok(audit)
}

/// Checks that no account holds less than nothing, that every client has one account, and that no
/// money was made or lost: Σ deposits − Σ withdrawals − Σ chargebacks = Σ total.
///
/// # Errors
/// The first invariant that does not hold, with the first client that breaks it.
pub fn check(accounts: &SortedAccounts, totals: &Totals) -> Result<(), InvariantError> {
    audit(accounts, &accounts.parts())?.check(totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;

    fn account(available: i128, held: i128) -> Account {
        Account::new(Balance::from_units(available), Balance::from_units(held), false)
    }

    #[test]
    fn the_first_offending_client_is_named() {
        let accounts = [(1, account(5, 0)), (2, account(5, -1)), (3, account(5, -2))].into();
        assert!(matches!(
            check(&accounts, &Totals::default()),
            Err(InvariantError::NegativeHeld { client: 2, .. })
        ));
        let mut accounts: SortedAccounts = [(1, account(0, 0)), (2, account(0, 0))].into();
        accounts.append([(1, account(0, 0))].into());
        assert_eq!(check(&accounts, &Totals::default()), Err(InvariantError::Order { client: 1 }));
    }

    #[test]
    fn the_sums_of_shards_add_up() {
        let balance = Balance::from_units;
        let sums = |deposited, withdrawn, charged_back, disputed, resolved| Totals {
            deposited: balance(deposited),
            withdrawn: balance(withdrawn),
            charged_back: balance(charged_back),
            disputed: balance(disputed),
            resolved: balance(resolved),
        };
        let mut totals = sums(100, 20, 3, 7, 1);
        totals.add(&sums(200, 40, 5, 9, 2));
        assert_eq!(totals, sums(300, 60, 8, 16, 3));
        assert_eq!((totals.expected_total(), totals.expected_held()), (balance(232), balance(5)));
        let audit = |accounts, locked, available, held| Audit {
            accounts,
            locked,
            available: balance(available),
            held: balance(held),
        };
        let mut found = audit(3, 2, 200, 1);
        found.add(&audit(4, 1, 27, 4));
        assert_eq!(found, audit(7, 3, 227, 5));
        assert_eq!((found.total(), found.check(&totals)), (balance(232), Ok(())));
    }

    #[test]
    fn an_audit_counts_the_accounts_and_the_locked_ones() {
        let locked = Account::new(Balance::from_units(4), Balance::from_units(2), true);
        let accounts = [(1, account(5, 1)), (2, locked), (1 << 40, locked)].into();
        let [available, held] = [13, 5].map(Balance::from_units);
        let expected = Audit { accounts: 3, locked: 2, available, held };
        assert_eq!(audit(&accounts, &accounts.parts()), Ok(expected));
    }

    #[test]
    fn lost_money_is_noticed() {
        let [deposited, disputed] = [10, 3].map(Balance::from_units);
        let totals = Totals { deposited, disputed, ..Totals::default() };
        let accounts = [(1, account(-2, 3)), (2, account(9, 0))].into();
        assert_eq!(check(&accounts, &totals), Ok(()));
        let lost = Totals { withdrawn: Balance::from_units(1), ..totals };
        assert!(matches!(check(&accounts, &lost), Err(InvariantError::Conservation { .. })));
    }

    #[test]
    fn money_held_for_no_dispute_is_noticed() {
        let [deposited, disputed, resolved] = [10, 5, 2].map(Balance::from_units);
        let totals = Totals { deposited, disputed, resolved, ..Totals::default() };
        let accounts = [(1, account(7, 3))].into();
        assert_eq!(check(&accounts, &totals), Ok(()));
        for held in [2, 4] {
            let accounts = [(1, account(10 - held, held))].into();
            let error = check(&accounts, &totals).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the accounts hold 0.000{held} for disputes, but the open disputes amount to 0.0003"
                )
            );
        }
    }
}
