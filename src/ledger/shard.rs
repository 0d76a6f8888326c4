//! The shard: the accounts of the clients that one worker owns, and what each transaction does to
//! them.
//!
//! The order of the checks is the contract. Every function makes all its checks first; below the
//! line `// Decided.` nothing may fail.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use foldhash::fast::RandomState;

use super::accounts::{Accounts, Job, Slot, one_by_one};
use super::invariant::Totals;
use super::posting::{Marks, Posting};
use super::sorted::SortedAccounts;
use super::together::Together;
use super::transactions::{Found, Remembered, State, Transactions};
use super::verdict::Verdict;
use crate::account::Account;
use crate::amount::{Amount, Balance};
use crate::outcome::Rejection;
use crate::rules::{Locked, Permission, Rules, TxIdSpace};
use crate::transaction::Kind;

/// The accounts of some clients and the transactions of theirs that must be remembered.
#[derive(Debug)]
pub struct Shard {
    pub(super) rules: Rules,
    pub(super) accounts: Accounts,
    pub(super) transactions: Transactions,
    /// What is known of the rows that are applied together; kept for its memory.
    pub(super) together: Together,
    /// The ids decided so far, where they are unique per client only.
    decided: HashSet<(u64, u64), RandomState>,
    /// The sums of what deposits and what withdrawals have moved.
    pub(super) moved: [Balance; 2],
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
            together: Together::default(),
            decided: HashSet::default(),
            moved: [Balance::ZERO; 2],
            disputed: Balance::ZERO,
            resolved: Balance::ZERO,
            charged_back: Balance::ZERO,
        }
    }

    /// Makes one of `shards` shards, with room for `places` remembered transactions.
    pub fn one_of(shards: usize, rules: Rules, places: usize) -> Self {
        let transactions = Transactions::with_room(places);
        Self { accounts: Accounts::of_share(shards), transactions, ..Self::new(rules) }
    }

    /// Applies one transaction of a client of this shard.
    ///
    /// A deposit or withdrawal opens the account, whatever its outcome: where ids are unique over
    /// all clients, duplicates never come here, and where they are unique per client, a duplicate
    /// finds the account that the first has opened.
    ///
    /// Where ids are unique over all clients, the caller has decided that a deposit or withdrawal
    /// is the first of its id; where they are unique per client, its key is its id.
    ///
    /// # Errors
    /// The first check of the rules that fails; nothing has changed then but that a deposit or
    /// withdrawal may have opened an account.
    ///
    /// # Panics
    /// With 2³¹ accounts or more.
    #[inline]
    pub fn apply(&mut self, posting: &Posting) -> Result<(), Rejection> {
        self.review();
        let slot = self.find(posting.kind, posting.client);
        self.apply_at(slot, *posting)
    }

    /// Lets accounts move to where they are found sooner, before some are looked for.
    #[inline]
    pub(super) fn review(&mut self) {
        if let Some(moved) = self.accounts.review() {
            self.transactions.change_owners(|owner| moved.of(owner));
        }
    }

    /// Finds the account of a client, or makes a place for it if a row of this kind opens it.
    #[inline]
    pub(super) fn find(&mut self, kind: Kind, client: u64) -> Slot {
        self.found_or_added(self.accounts.find(client), kind, client)
    }

    /// As [`Shard::find`], once it has been looked for.
    #[inline]
    pub(super) fn found_or_added(&mut self, found: Slot, kind: Kind, client: u64) -> Slot {
        // Most have one: that is asked first, since nobody can guess what moves money.
        match found {
            Slot::NONE if planted!(DisputeOpensAccount) || kind.moves_money() => {
                self.accounts.add(client)
            }
            slot => slot,
        }
    }

    /// Applies one transaction to the account that [`Shard::find`] has found for it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called in two places, one of them for every row")]
    pub(super) fn apply_at(&mut self, slot: Slot, posting: Posting) -> Result<(), Rejection> {
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
        self.accounts.account(self.accounts.find(client))
    }

    /// Closes the shard.
    pub fn close(self) -> Closed {
        let Ok(closed) = self.close_with(NonZeroUsize::MIN, one_by_one);
        closed
    }

    /// As [`Shard::close`], in up to `jobs` jobs where many clients have scattered ids: `run` is to run
    /// them, each on a thread of its own or one after the other.
    ///
    /// # Errors
    /// That of `run`.
    ///
    /// # Panics
    /// If `run` succeeds without having run every job.
    pub fn close_with<E>(
        self,
        jobs: NonZeroUsize,
        run: impl FnOnce(Vec<Job<'_>>) -> Result<(), E>,
    ) -> Result<Closed, E> {
        let Self { accounts, transactions, decided, moved: [deposited, withdrawn], .. } = self;
        // The system has their memory for what is made next.
        drop((transactions, decided));
        let Self { disputed, resolved, charged_back, .. } = self;
        let totals = Totals { deposited, withdrawn, charged_back, disputed, resolved };
        Ok(Closed { accounts: SortedAccounts::of(accounts, jobs, run)?, totals })
    }

    /// Applies a deposit or a withdrawal. Which of the two, and whether it is refused, is computed
    /// with rather than branched on: nobody can guess it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as that of `apply_at`")]
    fn move_money(
        &mut self,
        slot: Slot,
        posting: Posting,
        amount: Amount,
    ) -> Result<(), Rejection> {
        if self.rules.tx_ids == TxIdSpace::PerClient {
            self.decide_per_client(posting)?;
        }
        let withdraws = posting.kind == Kind::Withdrawal;
        let entry = self.accounts.entry(slot);
        let is_cut = posting.marks.has(Marks::UNTERMINATED);
        let Some(change) = entry.change(amount, withdraws).filter(|_| !is_cut) else {
            return self.move_oddly(slot, posting, amount);
        };
        let is_frozen = self.rules.locked == Locked::Frozen;
        let verdict = Verdict::on(entry, change, withdraws, is_frozen);
        // Decided. What is refused moves nothing.
        self.accounts.make(slot, change, verdict.moves);
        self.count_moved(slot, posting, amount, verdict);
        if planted!(RefusedFreesId) && verdict.outcome == Err(Rejection::InsufficientFunds) {
            self.decided.remove(&(posting.client, posting.key));
        }
        verdict.outcome
    }

    /// As [`Shard::move_money`], of what is rare: a row that may have been cut, or sums beyond what
    /// an entry can tell.
    #[cold]
    fn move_oddly(
        &mut self,
        slot: Slot,
        posting: Posting,
        amount: Amount,
    ) -> Result<(), Rejection> {
        let withdraws = posting.kind == Kind::Withdrawal;
        self.accounts.open(slot);
        check_terminated(posting.marks)?;
        if self.accounts.is_locked(slot) && (withdraws || self.rules.locked == Locked::Frozen) {
            return Err(Rejection::AccountLocked);
        }
        if withdraws && !self.accounts.covers(slot, amount) {
            return Err(Rejection::InsufficientFunds);
        }
        // Decided.
        self.accounts.adjust(slot, amount, withdraws);
        self.count_moved(slot, posting, amount, &Verdict::APPLIED);
        Ok(())
    }

    /// Adds what a deposit or withdrawal has moved to the sums, and remembers it if a later row may
    /// refer to it; nothing if it has not moved anything.
    #[inline]
    fn count_moved(&mut self, slot: Slot, posting: Posting, amount: Amount, verdict: &Verdict) {
        let withdraws = posting.kind == Kind::Withdrawal;
        if !(planted!(WithdrawalUncounted) && withdraws) {
            self.moved[usize::from(withdraws)] += Balance::kept(amount, verdict.moves);
        }
        if posting.marks.has(Marks::REMEMBER) & verdict.outcome.is_ok() {
            let is_withdrawal = !planted!(WithdrawalsDisputable) && withdraws;
            let state = if is_withdrawal { State::Withdrawn } else { State::Deposited };
            self.remember(slot, posting, Remembered { amount, state });
        }
    }

    fn dispute(&mut self, slot: Slot, posting: Posting) -> Result<(), Rejection> {
        let Self { rules, accounts, transactions, .. } = self;
        let (amount, state) = refer(rules, accounts, transactions, slot, posting)?;
        match *state {
            State::Withdrawn => return Err(Rejection::NotDisputable),
            State::ChargedBack => return Err(Rejection::ChargedBack),
            State::Disputed => return Err(Rejection::AlreadyDisputed),
            State::Resolved if planted!(ResolvedForGood) => return Err(Rejection::AlreadyResolved),
            State::Resolved if rules.redispute == Permission::Reject => {
                return Err(Rejection::AlreadyResolved);
            }
            State::Deposited | State::Resolved => {}
        }
        if rules.overdrawn_dispute == Permission::Reject && !accounts.covers(slot, amount) {
            return Err(Rejection::InsufficientFunds);
        }
        // Decided.
        *state = State::Disputed;
        accounts.hold(slot, amount);
        self.disputed += amount;
        Ok(())
    }

    fn resolve(&mut self, slot: Slot, posting: Posting) -> Result<(), Rejection> {
        let Self { rules, accounts, transactions, .. } = self;
        let (amount, state) = refer(rules, accounts, transactions, slot, posting)?;
        check_disputed(*state)?;
        // Decided.
        *state = State::Resolved;
        accounts.release(slot, amount);
        self.resolved += amount;
        Ok(())
    }

    fn charge_back(&mut self, slot: Slot, posting: Posting) -> Result<(), Rejection> {
        let Self { rules, accounts, transactions, .. } = self;
        let (amount, state) = refer(rules, accounts, transactions, slot, posting)?;
        check_disputed(*state)?;
        // Decided.
        *state =
            if planted!(DisputeAfterChargeback) { State::Resolved } else { State::ChargedBack };
        accounts.charge_back(slot, amount);
        if !planted!(ChargebackUncounted) {
            self.charged_back += amount;
        }
        Ok(())
    }

    /// Remembers a deposit or withdrawal, since a later row may refer to it.
    #[inline]
    fn remember(&mut self, slot: Slot, posting: Posting, transaction: Remembered) {
        if posting.marks.has(Marks::PLACED) {
            self.transactions.place(posting.key, slot.owner(), transaction);
        } else {
            self.transactions.insert(posting.key, posting.client, transaction);
        }
    }

    /// Decides the id of a deposit or withdrawal where ids are unique per client.
    fn decide_per_client(&mut self, posting: Posting) -> Result<(), Rejection> {
        debug_assert!(!posting.marks.has(Marks::PLACED), "places are for ids unique over all");
        let is_first = self.decided.insert((posting.client, posting.key));
        if is_first { Ok(()) } else { Err(Rejection::DuplicateTx) }
    }
}

/// Finds the transaction that a row refers to: its amount and its state.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what it gives is used at once")]
fn refer<'t>(
    rules: &Rules,
    accounts: &Accounts,
    transactions: &'t mut Transactions,
    slot: Slot,
    posting: Posting,
) -> Result<(Amount, &'t mut State), Rejection> {
    check_terminated(posting.marks)?;
    if accounts.is_locked(slot)
        && (planted!(LockedRefusesDisputes) || rules.locked == Locked::Frozen)
    {
        return Err(Rejection::AccountLocked);
    }
    if slot == Slot::NONE {
        return Err(Rejection::UnknownTx);
    }
    let found = if posting.marks.has(Marks::PLACED) {
        transactions.at(posting.key, slot.owner())
    } else {
        transactions.by_id(posting.key, posting.client)
    };
    let Found { amount, state } = found.ok_or(Rejection::UnknownTx)?;
    Ok((amount, state))
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
    use crate::transaction::Transaction;

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
        let client = (1 << 22) / 64;
        for (shards, in_table) in [(32, true), (64, false)] {
            let mut shard = Shard::one_of(shards, Rules::default(), 0);
            let refusal =
                shard.apply(&Posting::by_id(&withdrawal(client, 1, "5"), Marks::REMEMBER));
            assert_eq!(refusal, Err(Rejection::InsufficientFunds));
            assert_eq!(shard.accounts.near_clients() > client, in_table, "{shards} shards");
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
