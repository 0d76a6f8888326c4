//! The shard: the accounts of the clients that one worker owns, and what each transaction does to
//! them.
//!
//! The order of the checks is the contract. Every function makes all its checks first; below the
//! line `// Decided.` nothing may fail.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use foldhash::fast::RandomState;

use super::accounts::{Accounts, Slot};
use super::invariant::Totals;
use crate::account::Account;
use crate::amount::Amount;
use crate::outcome::Rejection;
use crate::rules::{Locked, Permission, Rules, TxIdSpace};
use crate::transaction::{Kind, Transaction};

/// What is known about a transaction besides its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// A later row may refer to this deposit or withdrawal, so it must be remembered.
    pub const REMEMBER: Self = Self(1);
    /// The row may have been cut and is to be refused.
    pub const UNTERMINATED: Self = Self(2);

    /// Joins two sets of marks.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether all of `other` is marked.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A transaction that later rows may refer to, by its client and id.
type Reference = (u64, u64);

/// An applied deposit or withdrawal.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    amount: Amount,
    state: State,
}

/// How far a remembered transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An applied withdrawal; it stays one.
    Withdrawn,
    /// An applied deposit that was never disputed.
    Deposited,
    /// Its amount is held.
    Disputed,
    /// Was disputed, and its amount released.
    Resolved,
    /// Was disputed, and its amount taken.
    ChargedBack,
}

/// The accounts of some clients and the transactions of theirs that must be remembered.
#[derive(Debug)]
pub struct Shard {
    rules: Rules,
    accounts: Accounts,
    remembered: HashMap<Reference, Remembered, RandomState>,
    /// The ids decided so far, where they are unique per client only.
    decided: HashSet<Reference, RandomState>,
    totals: Totals,
}

/// A shard at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The accounts, ascending by client.
    pub accounts: Vec<(u64, Account)>,
    /// The sums of what was applied to them.
    pub totals: Totals,
}

impl Shard {
    /// Makes a shard without accounts.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            accounts: Accounts::default(),
            remembered: HashMap::default(),
            decided: HashSet::default(),
            totals: Totals::default(),
        }
    }

    /// Makes one of `shards` shards.
    pub fn one_of(shards: usize, rules: Rules) -> Self {
        Self { accounts: Accounts::of_share(shards), ..Self::new(rules) }
    }

    /// Finds the account of a transaction's client.
    ///
    /// A deposit or withdrawal opens it, whatever its outcome will be: where ids are unique over
    /// all clients, duplicates never come here, and where they are unique per client, a duplicate
    /// finds the account that the first has opened.
    ///
    /// # Panics
    /// With more than 2³² accounts.
    #[inline]
    pub fn find(&mut self, transaction: &Transaction) -> Slot {
        if transaction.kind.moves_money() {
            Some(self.accounts.find_or_open(transaction.client))
        } else {
            self.accounts.find(transaction.client)
        }
    }

    /// Tells whether there is an account in a slot and it is locked.
    #[inline]
    pub fn is_locked(&self, slot: Slot) -> bool {
        slot.is_some_and(|slot| self.accounts.is_locked(slot))
    }

    /// Applies one transaction of a client of this shard.
    ///
    /// # Errors
    /// As [`Shard::apply_at`].
    #[inline]
    pub fn apply(&mut self, transaction: &Transaction, marks: Marks) -> Result<(), Rejection> {
        let slot = self.find(transaction);
        self.apply_at(slot, transaction, marks)
    }

    /// Applies one transaction to the account that [`Shard::find`] has found for it. Transactions
    /// are applied in the order in which their accounts were found.
    ///
    /// Where ids are unique over all clients, the caller has decided that a deposit or withdrawal
    /// is the first of its id.
    ///
    /// # Errors
    /// The first check of the rules that fails; nothing has changed then but that a deposit or
    /// withdrawal may have opened an account.
    #[inline]
    pub fn apply_at(
        &mut self,
        slot: Slot,
        transaction: &Transaction,
        marks: Marks,
    ) -> Result<(), Rejection> {
        match (transaction.kind, transaction.amount) {
            (Kind::Deposit, Some(amount)) => self.deposit(slot, transaction, amount, marks),
            (Kind::Withdrawal, Some(amount)) => self.withdraw(slot, transaction, amount, marks),
            (Kind::Dispute, _) => self.dispute(slot, transaction, marks),
            (Kind::Resolve, _) => self.resolve(slot, transaction, marks),
            (Kind::Chargeback, _) => self.charge_back(slot, transaction, marks),
            (Kind::Deposit | Kind::Withdrawal, None) => {
                unreachable!("a deposit or withdrawal without an amount")
            }
        }
    }

    /// Gives the account of a client, if it has been opened.
    pub fn account(&self, client: u64) -> Option<Account> {
        self.accounts.find(client).map(|slot| self.accounts.account(slot))
    }

    /// Closes the shard.
    pub fn close(self) -> Closed {
        Closed { accounts: self.accounts.into_sorted(), totals: self.totals }
    }

    #[inline]
    fn deposit(
        &mut self,
        slot: Slot,
        row: &Transaction,
        amount: Amount,
        marks: Marks,
    ) -> Result<(), Rejection> {
        self.decide_per_client(row)?;
        let slot = opened(slot);
        check_terminated(marks)?;
        if self.accounts.is_locked(slot) && self.rules.locked == Locked::Frozen {
            return Err(Rejection::AccountLocked);
        }
        // Decided.
        self.accounts.deposit(slot, amount);
        self.totals.deposited += amount;
        if marks.has(Marks::REMEMBER) {
            self.remember(row, amount, State::Deposited);
        }
        Ok(())
    }

    #[inline]
    fn withdraw(
        &mut self,
        slot: Slot,
        row: &Transaction,
        amount: Amount,
        marks: Marks,
    ) -> Result<(), Rejection> {
        self.decide_per_client(row)?;
        let slot = opened(slot);
        check_terminated(marks)?;
        if self.accounts.is_locked(slot) {
            return Err(Rejection::AccountLocked);
        }
        if !self.accounts.covers(slot, amount) {
            return Err(Rejection::InsufficientFunds);
        }
        // Decided.
        self.accounts.withdraw(slot, amount);
        self.totals.withdrawn += amount;
        if marks.has(Marks::REMEMBER) {
            self.remember(row, amount, State::Withdrawn);
        }
        Ok(())
    }

    fn dispute(&mut self, slot: Slot, row: &Transaction, marks: Marks) -> Result<(), Rejection> {
        let rules = self.rules;
        let (slot, mut account, tx) = self.refer(slot, row, marks)?;
        match tx.state {
            State::Withdrawn => return Err(Rejection::NotDisputable),
            State::ChargedBack => return Err(Rejection::ChargedBack),
            State::Disputed => return Err(Rejection::AlreadyDisputed),
            State::Resolved if rules.redispute == Permission::Reject => {
                return Err(Rejection::AlreadyResolved);
            }
            State::Deposited | State::Resolved => {}
        }
        if rules.overdrawn_dispute == Permission::Reject && !account.covers(tx.amount) {
            return Err(Rejection::InsufficientFunds);
        }
        // Decided.
        account.hold(tx.amount);
        tx.state = State::Disputed;
        self.accounts.put(slot, &account);
        Ok(())
    }

    fn resolve(&mut self, slot: Slot, row: &Transaction, marks: Marks) -> Result<(), Rejection> {
        let (slot, mut account, tx) = self.refer(slot, row, marks)?;
        check_disputed(tx.state)?;
        // Decided.
        account.release(tx.amount);
        tx.state = State::Resolved;
        self.accounts.put(slot, &account);
        Ok(())
    }

    fn charge_back(
        &mut self,
        slot: Slot,
        row: &Transaction,
        marks: Marks,
    ) -> Result<(), Rejection> {
        let (slot, mut account, tx) = self.refer(slot, row, marks)?;
        check_disputed(tx.state)?;
        // Decided.
        account.charge_back(tx.amount);
        tx.state = State::ChargedBack;
        let amount = tx.amount;
        self.accounts.put(slot, &account);
        self.totals.charged_back += amount;
        Ok(())
    }

    /// Finds the transaction that a row refers to, and its account.
    #[inline]
    fn refer(
        &mut self,
        slot: Slot,
        row: &Transaction,
        marks: Marks,
    ) -> Result<(NonZeroU32, Account, &mut Remembered), Rejection> {
        check_terminated(marks)?;
        let slot = slot.ok_or(Rejection::UnknownTx)?;
        let account = self.accounts.account(slot);
        if account.is_locked() && self.rules.locked == Locked::Frozen {
            return Err(Rejection::AccountLocked);
        }
        let reference = (row.client, row.tx);
        let tx = self.remembered.get_mut(&reference).ok_or(Rejection::UnknownTx)?;
        Ok((slot, account, tx))
    }

    fn remember(&mut self, row: &Transaction, amount: Amount, state: State) {
        let before = self.remembered.insert((row.client, row.tx), Remembered { amount, state });
        debug_assert!(before.is_none(), "an id was decided twice");
    }

    /// Decides the id of a deposit or withdrawal where ids are unique per client.
    #[inline]
    fn decide_per_client(&mut self, row: &Transaction) -> Result<(), Rejection> {
        match self.rules.tx_ids {
            TxIdSpace::Global => Ok(()),
            TxIdSpace::PerClient if self.decided.insert((row.client, row.tx)) => Ok(()),
            TxIdSpace::PerClient => Err(Rejection::DuplicateTx),
        }
    }
}

/// The slot of an account that a deposit or withdrawal has opened.
#[inline]
fn opened(slot: Slot) -> NonZeroU32 {
    slot.expect("deposits and withdrawals open accounts")
}

#[inline]
fn check_terminated(marks: Marks) -> Result<(), Rejection> {
    if marks.has(Marks::UNTERMINATED) { Err(Rejection::UnterminatedRow) } else { Ok(()) }
}

fn check_disputed(state: State) -> Result<(), Rejection> {
    match state {
        State::Withdrawn => Err(Rejection::NotDisputable),
        State::ChargedBack => Err(Rejection::ChargedBack),
        State::Deposited | State::Resolved => Err(Rejection::NotDisputed),
        State::Disputed => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, check};

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn deposit(client: u64, tx: u64, text: &str) -> Transaction {
        Transaction::deposit(client, tx, amount(text))
    }

    fn withdrawal(client: u64, tx: u64, text: &str) -> Transaction {
        Transaction::withdrawal(client, tx, amount(text))
    }

    /// Applies every step in turn and compares each outcome.
    fn walk(rules: Rules, steps: &[(Transaction, Result<(), Rejection>)]) -> Closed {
        let mut ledger = Ledger::new(rules);
        for (index, (transaction, expected)) in steps.iter().enumerate() {
            assert_eq!(ledger.apply(transaction), *expected, "step {index}: {transaction:?}");
        }
        let closed = ledger.close();
        check(&closed.accounts, &closed.totals).unwrap();
        closed
    }

    #[test]
    fn each_check_comes_before_the_ones_below_it() {
        use Rejection::{
            AccountLocked, AlreadyDisputed, ChargedBack, DuplicateTx, InsufficientFunds,
            NotDisputable, NotDisputed, UnknownTx,
        };
        let locked_is_open = Rules::named("event-sourced").unwrap();
        walk(
            locked_is_open,
            &[
                (deposit(1, 1, "5"), Ok(())),
                (withdrawal(1, 2, "1"), Ok(())),
                (Transaction::dispute(1, 2), Err(NotDisputable)),
                (Transaction::resolve(1, 2), Err(NotDisputable)),
                (Transaction::chargeback(1, 2), Err(NotDisputable)),
                (Transaction::resolve(1, 1), Err(NotDisputed)),
                (Transaction::chargeback(1, 1), Err(NotDisputed)),
                (Transaction::dispute(2, 1), Err(UnknownTx)),
                (Transaction::dispute(1, 1), Ok(())),
                (Transaction::dispute(1, 1), Err(AlreadyDisputed)),
                (Transaction::chargeback(1, 1), Ok(())),
                (Transaction::dispute(1, 1), Err(ChargedBack)),
                (Transaction::resolve(1, 1), Err(ChargedBack)),
                (Transaction::chargeback(1, 1), Err(ChargedBack)),
                (withdrawal(1, 2, "9"), Err(DuplicateTx)),
                (withdrawal(1, 3, "9"), Err(AccountLocked)),
                (deposit(1, 4, "9"), Ok(())),
                (withdrawal(2, 5, "9"), Err(InsufficientFunds)),
            ],
        );
    }

    #[test]
    fn a_frozen_account_takes_nothing() {
        use Rejection::{AccountLocked, DuplicateTx};
        let closed = walk(
            Rules::default(),
            &[
                (deposit(1, 1, "5"), Ok(())),
                (deposit(1, 2, "7"), Ok(())),
                (Transaction::dispute(1, 2), Ok(())),
                (Transaction::dispute(1, 1), Ok(())),
                (Transaction::chargeback(1, 1), Ok(())),
                (deposit(1, 1, "5"), Err(DuplicateTx)),
                (deposit(1, 3, "5"), Err(AccountLocked)),
                (withdrawal(1, 4, "5"), Err(AccountLocked)),
                (Transaction::dispute(1, 9), Err(AccountLocked)),
                (Transaction::resolve(1, 2), Err(AccountLocked)),
                (Transaction::chargeback(1, 2), Err(AccountLocked)),
            ],
        );
        let (_, account) = closed.accounts[0];
        assert!(account.is_locked());
        assert_eq!(account.held(), amount("7").into());
    }

    #[test]
    fn a_conservative_ledger_refuses_a_second_dispute_and_a_debt() {
        let closed = walk(
            Rules::named("conservative").unwrap(),
            &[
                (deposit(1, 1, "5"), Ok(())),
                (Transaction::dispute(1, 1), Ok(())),
                (Transaction::resolve(1, 1), Ok(())),
                (withdrawal(1, 2, "1"), Ok(())),
                (Transaction::dispute(1, 1), Err(Rejection::AlreadyResolved)),
                (deposit(1, 3, "9"), Ok(())),
                (withdrawal(1, 4, "9"), Ok(())),
                (Transaction::dispute(1, 3), Err(Rejection::InsufficientFunds)),
            ],
        );
        assert_eq!(closed.accounts[0].1.available(), amount("4").into());
    }

    #[test]
    fn ids_per_client_are_decided_per_client() {
        let mut rules = Rules::default();
        rules.set("tx-ids", "per-client").unwrap();
        let closed = walk(
            rules,
            &[
                (deposit(1, 1, "5"), Ok(())),
                (deposit(2, 1, "6"), Ok(())),
                (deposit(2, 1, "7"), Err(Rejection::DuplicateTx)),
                (Transaction::dispute(2, 1), Ok(())),
            ],
        );
        assert_eq!(closed.accounts[0].1.held(), crate::amount::Balance::ZERO);
        assert_eq!(closed.accounts[1].1.held(), amount("6").into());
    }

    #[test]
    fn a_refused_first_row_opens_the_account_and_consumes_its_id() {
        let closed = walk(
            Rules::default(),
            &[
                (withdrawal(1, 1, "5"), Err(Rejection::InsufficientFunds)),
                (deposit(2, 1, "5"), Err(Rejection::DuplicateTx)),
                (Transaction::dispute(1, 1), Err(Rejection::UnknownTx)),
            ],
        );
        assert_eq!(closed.accounts, [(1, Account::default())]);
    }

    #[test]
    fn an_unterminated_row_changes_no_balance() {
        let mut shard = Shard::new(Rules::default());
        let refusal = shard.apply(&deposit(1, 1, "5"), Marks::UNTERMINATED.and(Marks::REMEMBER));
        assert_eq!(refusal, Err(Rejection::UnterminatedRow));
        assert_eq!(shard.account(1), Some(Account::default()));
    }
}
