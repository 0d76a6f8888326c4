//! The shard: the accounts of the clients that one worker owns, and what each transaction does to
//! them.
//!
//! The order of the checks is the contract. Every function makes all its checks first; below the
//! line `// Decided.` nothing may fail.

use std::collections::HashSet;
use std::num::NonZeroU32;

use foldhash::fast::RandomState;

use super::accounts::{Accounts, Slot};
use super::invariant::Totals;
use super::sorted::SortedAccounts;
use super::transactions::{Found, Remembered, State, Transactions};
use crate::account::Account;
use crate::amount::{Amount, Balance};
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
    /// The key of the transaction is its place in the memory of its shard, not its id.
    pub const PLACED: Self = Self(4);

    /// Joins two sets of marks.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Gives the marks as one byte.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Makes the marks that [`Marks::bits`] gave.
    #[inline]
    pub const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Tells whether all of `other` is marked.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A transaction as its shard takes it.
#[derive(Clone, Copy, Debug)]
pub struct Posting {
    /// What happens.
    pub kind: Kind,
    /// Whose account.
    pub client: u64,
    /// What a deposit or withdrawal moves; nothing else has an amount.
    pub amount: Option<Amount>,
    /// The id of the deposit or withdrawal, this one or the one that is referred to; or its place,
    /// as [`Marks::PLACED`] tells.
    pub key: u64,
    /// What else is known.
    pub marks: Marks,
}

impl Posting {
    /// Makes a posting of a transaction that the shard finds by its id.
    pub fn by_id(transaction: &Transaction, marks: Marks) -> Self {
        let &Transaction { kind, client, tx, amount } = transaction;
        Self { kind, client, amount, key: tx, marks }
    }
}

/// The accounts of some clients and the transactions of theirs that must be remembered.
#[derive(Debug)]
pub struct Shard {
    rules: Rules,
    accounts: Accounts,
    transactions: Transactions,
    /// The places of the rows among those looked at together that refer to others; kept for its
    /// memory.
    referring: Vec<usize>,
    /// The ids decided so far, where they are unique per client only.
    decided: HashSet<(u64, u64), RandomState>,
    /// What a deposit and what a withdrawal must leave available at least. It stands in memory so
    /// that which of the two is no branch.
    least: [Balance; 2],
    /// The sums of what deposits and what withdrawals have moved.
    moved: [Balance; 2],
    /// The sums of what disputes have held, and of what resolves and chargebacks have settled.
    disputed: Balance,
    resolved: Balance,
    charged_back: Balance,
}

/// A shard at the end of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The accounts.
    pub accounts: SortedAccounts,
    /// The sums of what was applied to them.
    pub totals: Totals,
}

impl Shard {
    /// Makes a shard without accounts.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            accounts: Accounts::default(),
            transactions: Transactions::default(),
            referring: Vec::new(),
            decided: HashSet::default(),
            least: [Balance::LEAST, Balance::ZERO],
            moved: [Balance::ZERO; 2],
            disputed: Balance::ZERO,
            resolved: Balance::ZERO,
            charged_back: Balance::ZERO,
        }
    }

    /// Makes one of `shards` shards.
    pub fn one_of(shards: usize, rules: Rules) -> Self {
        Self { accounts: Accounts::of_share(shards), ..Self::new(rules) }
    }

    /// Finds the account of a posting's client, and fetches what [`Shard::apply_at`] will look at.
    ///
    /// A deposit or withdrawal opens it, whatever its outcome will be: where ids are unique over
    /// all clients, duplicates never come here, and where they are unique per client, a duplicate
    /// finds the account that the first has opened.
    ///
    /// # Panics
    /// With 2³¹ accounts or more.
    #[inline]
    pub fn find(&mut self, posting: &Posting) -> Slot {
        // Most have an account: that is asked first, since nobody can guess what moves money.
        let slot = self.accounts.find(posting.client).or_else(|| self.open(posting));
        if let Some(slot) = slot {
            self.accounts.prefetch(slot);
        }
        slot
    }

    /// Opens the account of a posting's client, if the posting moves money.
    #[cold]
    fn open(&mut self, posting: &Posting) -> Slot {
        let opens = planted!(DisputeOpensAccount) || posting.kind.moves_money();
        opens.then(|| self.accounts.open(posting.client))
    }

    /// Finds the accounts of many rows, in their order, as [`Shard::find`] finds one, and fetches
    /// what disputes, resolves and chargebacks will look at. `posting` tells what a row means.
    ///
    /// No row waits for what another has fetched. Where there are many accounts, finding them
    /// misses the cache as well: then all that is looked at is read once beforehand, and none of
    /// these reads hangs on a branch (bench `pipeline`, `many-clients`).
    ///
    /// # Panics
    /// As [`Shard::find`].
    pub fn find_all<R>(
        &mut self,
        rows: &[R],
        posting: impl Fn(&R) -> Posting,
        slots: &mut Vec<Slot>,
    ) {
        if self.accounts.are_many() {
            self.accounts.touch_clients(rows.iter().map(|row| posting(row).client));
        }
        let mut referring = std::mem::take(&mut self.referring);
        referring.resize(rows.len(), 0);
        let mut count = 0;
        slots.clear();
        slots.extend(rows.iter().enumerate().map(|(at, row)| {
            let posting = posting(row);
            // Written for every row and kept for some: which ones nobody can guess.
            referring[count] = at;
            count += usize::from(!posting.kind.moves_money());
            self.find(&posting)
        }));
        for &at in &referring[..count] {
            let posting = posting(&rows[at]);
            if posting.marks.has(Marks::PLACED) {
                self.transactions.prefetch(posting.key);
            }
            if let Some(slot) = slots[at] {
                self.accounts.prefetch_held(slot);
            }
        }
        self.referring = referring;
    }

    /// Applies one transaction of a client of this shard.
    ///
    /// # Errors
    /// As [`Shard::apply_at`].
    #[inline]
    pub fn apply(&mut self, posting: &Posting) -> Result<(), Rejection> {
        let slot = self.find(posting);
        self.apply_at(slot, posting)
    }

    /// Applies one transaction to the account that [`Shard::find`] has found for it. Transactions
    /// are applied in the order in which their accounts were found.
    ///
    /// Where ids are unique over all clients, the caller has decided that a deposit or withdrawal
    /// is the first of its id; where they are unique per client, its key is its id.
    ///
    /// # Errors
    /// The first check of the rules that fails; nothing has changed then but that a deposit or
    /// withdrawal may have opened an account.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called in two places, one of them for every row")]
    pub fn apply_at(&mut self, slot: Slot, posting: &Posting) -> Result<(), Rejection> {
        match (posting.kind, posting.amount) {
            (Kind::Deposit | Kind::Withdrawal, Some(amount)) => {
                self.move_money(slot, posting, amount)
            }
            (Kind::Dispute, _) => self.dispute(slot, posting),
            (Kind::Resolve, _) => self.resolve(slot, posting),
            (Kind::Chargeback, _) => self.charge_back(slot, posting),
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
        let Self { moved: [deposited, withdrawn], disputed, resolved, charged_back, .. } = self;
        let totals = Totals { deposited, withdrawn, charged_back, disputed, resolved };
        Closed { accounts: SortedAccounts::of(self.accounts), totals }
    }

    /// Applies a deposit or a withdrawal. Which of the two is computed with rather than branched
    /// on: nobody can guess it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as that of `apply_at`")]
    fn move_money(
        &mut self,
        slot: Slot,
        posting: &Posting,
        amount: Amount,
    ) -> Result<(), Rejection> {
        let withdraws = posting.kind == Kind::Withdrawal;
        if self.rules.tx_ids == TxIdSpace::PerClient {
            self.decide_per_client(posting)?;
        }
        let slot = slot.expect("deposits and withdrawals open accounts");
        check_terminated(posting.marks)?;
        if self.accounts.is_locked(slot)
            && (withdraws || self.rules.locked == Locked::Frozen)
            && (!planted!(LockedTakesDeposits) || withdraws)
        {
            return Err(Rejection::AccountLocked);
        }
        let available = self.accounts.available(slot) + Balance::signed(amount, withdraws);
        let least = match self.least[usize::from(withdraws)] {
            _ if planted!(WithdrawalOfAllRefused) && withdraws => Balance::from_units(1),
            _ if planted!(WithdrawalOfOneMore) && withdraws => Balance::from_units(-1),
            least => least,
        };
        if available < least {
            if planted!(RefusedFreesId) {
                self.decided.remove(&(posting.client, posting.key));
            }
            return Err(Rejection::InsufficientFunds);
        }
        // Decided.
        self.accounts.set_available(slot, available);
        if !(planted!(WithdrawalUncounted) && withdraws) {
            self.moved[usize::from(withdraws)] += amount;
        }
        if posting.marks.has(Marks::REMEMBER) {
            let is_withdrawal = !planted!(WithdrawalsDisputable) && withdraws;
            let state = if is_withdrawal { State::Withdrawn } else { State::Deposited };
            self.remember(slot, posting, Remembered { amount, state });
        }
        Ok(())
    }

    fn dispute(&mut self, slot: Slot, posting: &Posting) -> Result<(), Rejection> {
        let rules = self.rules;
        let (slot, mut account, tx) = self.refer(slot, posting)?;
        match *tx.state {
            State::Withdrawn => return Err(Rejection::NotDisputable),
            State::ChargedBack => return Err(Rejection::ChargedBack),
            State::Disputed => return Err(Rejection::AlreadyDisputed),
            State::Resolved if planted!(ResolvedForGood) => return Err(Rejection::AlreadyResolved),
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
        *tx.state = State::Disputed;
        let amount = tx.amount;
        self.accounts.put(slot, &account);
        self.disputed += amount;
        Ok(())
    }

    fn resolve(&mut self, slot: Slot, posting: &Posting) -> Result<(), Rejection> {
        let (slot, mut account, tx) = self.refer(slot, posting)?;
        check_disputed(*tx.state)?;
        // Decided.
        account.release(tx.amount);
        *tx.state = State::Resolved;
        let amount = tx.amount;
        self.accounts.put(slot, &account);
        self.resolved += amount;
        Ok(())
    }

    fn charge_back(&mut self, slot: Slot, posting: &Posting) -> Result<(), Rejection> {
        let (slot, mut account, tx) = self.refer(slot, posting)?;
        check_disputed(*tx.state)?;
        // Decided.
        account.charge_back(tx.amount);
        *tx.state =
            if planted!(DisputeAfterChargeback) { State::Resolved } else { State::ChargedBack };
        let amount = tx.amount;
        self.accounts.put(slot, &account);
        if planted!(ChargebackUncounted) {
            return Ok(());
        }
        self.charged_back += amount;
        Ok(())
    }

    /// Finds the transaction that a row refers to, and its account.
    #[inline]
    fn refer(
        &mut self,
        slot: Slot,
        posting: &Posting,
    ) -> Result<(NonZeroU32, Account, Found<'_>), Rejection> {
        check_terminated(posting.marks)?;
        let slot = slot.ok_or(Rejection::UnknownTx)?;
        let account = self.accounts.account(slot);
        if account.is_locked()
            && (planted!(LockedRefusesDisputes) || self.rules.locked == Locked::Frozen)
        {
            return Err(Rejection::AccountLocked);
        }
        let transaction = if posting.marks.has(Marks::PLACED) {
            self.transactions.at(posting.key, slot)
        } else {
            self.transactions.by_id(posting.key, posting.client)
        };
        Ok((slot, account, transaction.ok_or(Rejection::UnknownTx)?))
    }

    /// Remembers a deposit or withdrawal, since a later row may refer to it.
    #[inline]
    fn remember(&mut self, slot: NonZeroU32, posting: &Posting, transaction: Remembered) {
        if posting.marks.has(Marks::PLACED) {
            self.transactions.place(posting.key, slot, transaction);
        } else {
            self.transactions.insert(posting.key, posting.client, transaction);
        }
    }

    /// Decides the id of a deposit or withdrawal where ids are unique per client.
    fn decide_per_client(&mut self, posting: &Posting) -> Result<(), Rejection> {
        debug_assert!(!posting.marks.has(Marks::PLACED), "places are for ids unique over all");
        let is_first = self.decided.insert((posting.client, posting.key));
        if is_first { Ok(()) } else { Err(Rejection::DuplicateTx) }
    }
}

#[inline]
fn check_terminated(marks: Marks) -> Result<(), Rejection> {
    if marks.has(Marks::UNTERMINATED) { Err(Rejection::UnterminatedRow) } else { Ok(()) }
}

fn check_disputed(state: State) -> Result<(), Rejection> {
    match state {
        State::Withdrawn => Err(Rejection::NotDisputable),
        State::ChargedBack => Err(Rejection::ChargedBack),
        State::Resolved if planted!(ResolveTwice) => Ok(()),
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
    fn marks_join_and_travel_as_one_byte() {
        let both = Marks::REMEMBER.and(Marks::PLACED);
        assert!(both.has(Marks::REMEMBER) && both.has(Marks::PLACED) && both.has(Marks::NONE));
        assert!(!both.has(Marks::UNTERMINATED) && !Marks::PLACED.has(both));
        assert_eq!(both.and(Marks::PLACED), both);
        assert_eq!(Marks::of_bits(both.bits()), both);
        assert_ne!(both.bits(), Marks::REMEMBER.bits());
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
        let account = closed.accounts.get(1).unwrap();
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
        assert_eq!(closed.accounts.get(1).unwrap().available(), amount("4").into());
    }

    #[test]
    fn by_default_a_resolved_deposit_is_disputed_again_and_a_debt_is_allowed() {
        let closed = walk(
            Rules::default(),
            &[
                (deposit(1, 1, "5"), Ok(())),
                (Transaction::dispute(1, 1), Ok(())),
                (Transaction::resolve(1, 1), Ok(())),
                (Transaction::resolve(1, 1), Err(Rejection::NotDisputed)),
                (withdrawal(1, 2, "4"), Ok(())),
                (Transaction::dispute(1, 1), Ok(())),
            ],
        );
        let account = closed.accounts.get(1).unwrap();
        assert_eq!(account.available(), Balance::from_units(-40_000));
        assert_eq!(account.held(), amount("5").into());
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
        assert_eq!(closed.accounts.get(1).unwrap().held(), Balance::ZERO);
        assert_eq!(closed.accounts.get(2).unwrap().held(), amount("6").into());
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
        assert_eq!(closed.accounts, [(1, Account::default())].into());
    }

    #[test]
    fn an_account_can_be_looked_at_between_transactions() {
        let mut ledger = Ledger::new(Rules::default());
        for (tx, balance) in [(1, 5), (2, 10)] {
            assert_eq!(ledger.apply(&deposit(1, tx, "5")), Ok(()));
            let total = ledger.account(1).map(|account| account.total());
            assert_eq!(total, Some(Balance::from_units(balance * 10_000)));
        }
        assert_eq!(ledger.account(2), None);
    }

    #[test]
    fn many_shards_share_the_clients_that_are_always_in_a_table() {
        let client = (1 << 22) / 8;
        for (shards, in_table) in [(4, true), (8, false)] {
            let mut shard = Shard::one_of(shards, Rules::default());
            let refusal =
                shard.apply(&Posting::by_id(&withdrawal(client, 1, "5"), Marks::REMEMBER));
            assert_eq!(refusal, Err(Rejection::InsufficientFunds));
            assert_eq!(shard.accounts.table_clients() > client, in_table, "{shards} shards");
        }
    }

    #[test]
    fn an_unterminated_row_changes_no_balance() {
        let mut shard = Shard::new(Rules::default());
        let marks = Marks::UNTERMINATED.and(Marks::REMEMBER);
        let refusal = shard.apply(&Posting::by_id(&deposit(1, 1, "5"), marks));
        assert_eq!(refusal, Err(Rejection::UnterminatedRow));
        assert_eq!(shard.account(1), Some(Account::default()));
    }
}
