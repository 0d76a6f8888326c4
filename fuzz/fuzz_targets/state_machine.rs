//! Any operations over few clients, ids and amounts: the ledger, the shards of a run and the
//! reference model refuse the same ones for the same reasons, and the money adds up after each.
//!
//! The first byte chooses the rules, the second the number of shards; every two bytes after them
//! are an operation: kind and client, id and amount.
#![no_main]

#[expect(dead_code, reason = "only a part of the model is needed here")]
#[path = "../../tests/model/mod.rs"]
mod model;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use millrace::account::Account;
use millrace::amount::{Amount, Balance};
use millrace::ledger::{
    Ledger, Marks, Posting, Registry, Shard, SortedAccounts, Totals, TxIds, check,
};
use millrace::outcome::Rejection;
use millrace::output::balances;
use millrace::rules::{Locked, Permission, Rules, TxIdSpace};
use millrace::transaction::{Kind, Transaction};

const CLIENTS: [u64; 4] = [0, 1, 1_000, u64::MAX];
/// On both sides of the edges between the pages of the id set.
const IDS: [u64; 8] = [0, 1, 2, 3, 511, 512, u64::MAX - 1, u64::MAX];
const UNITS: [u64; 8] = [1, 2, 9_999, 10_000, 10_001, 50_000, u64::MAX / 4, u64::MAX >> 1];
/// Longer histories cost more than they find.
const MOST_OPERATIONS: usize = 200;

fuzz_target!(|data: &[u8]| {
    let [rules, shards, operations @ ..] = data else { return };
    let rules = rules_of(*rules);
    let transactions: Vec<_> = operations
        .chunks_exact(2)
        .take(MOST_OPERATIONS)
        .map(|pair| transaction(pair[0], pair[1]))
        .collect();
    let mut books = Books::new(rules, 1 + usize::from(shards % 4), &transactions);
    for transaction in &transactions {
        books.apply(transaction);
    }
    books.close();
});

fn rules_of(choice: u8) -> Rules {
    let permission =
        |bit: u8| if choice & bit == 0 { Permission::Allow } else { Permission::Reject };
    Rules {
        locked: if choice & 1 == 0 { Locked::Frozen } else { Locked::DepositsAndDisputes },
        overdrawn_dispute: permission(2),
        redispute: permission(4),
        tx_ids: if choice & 8 == 0 { TxIdSpace::Global } else { TxIdSpace::PerClient },
        ..Rules::default()
    }
}

fn transaction(first: u8, second: u8) -> Transaction {
    let kind = Kind::ALL[usize::from(first >> 2) % Kind::ALL.len()];
    let units = UNITS[usize::from(second >> 3 & 7)];
    Transaction {
        kind,
        client: CLIENTS[usize::from(first & 3)],
        tx: IDS[usize::from(second & 7)],
        amount: Amount::from_units(units).filter(|_| kind.moves_money()),
    }
}

/// The same transactions, booked three times.
struct Books {
    rules: Rules,
    ledger: Ledger,
    /// As a run does it: ids decided in one place, clients spread, named transactions remembered.
    registry: Registry,
    shards: Vec<Shard>,
    model: model::Ledger,
    /// The sums of what was applied, and the deposits by client and id.
    totals: Totals,
    deposits: BTreeMap<(u64, u64), Amount>,
}

impl Books {
    fn new(rules: Rules, shards: usize, transactions: &[Transaction]) -> Self {
        let mut ids = TxIds::default();
        for transaction in transactions.iter().filter(|it| !it.kind.moves_money()) {
            ids.name(transaction.tx);
        }
        Self {
            rules,
            ledger: Ledger::new(rules),
            registry: Registry::of_named(ids, rules.tx_ids, shards),
            shards: (0..shards).map(|_| Shard::new(rules)).collect(),
            model: model::Ledger::default(),
            totals: Totals::default(),
            deposits: BTreeMap::new(),
        }
    }

    fn apply(&mut self, transaction: &Transaction) {
        let expected = self.model.apply(&for_model(transaction), false, &self.rules);
        assert_eq!(self.ledger.apply(transaction), expected, "{transaction:?}");
        assert_eq!(self.apply_to_shard(transaction), expected, "{transaction:?}");
        if expected.is_ok() {
            self.add_up(transaction);
        }
        self.check();
    }

    /// Compares every account, not only the one concerned, and the sums.
    fn check(&self) {
        let mut sum = Balance::ZERO;
        for client in CLIENTS {
            let account = self.ledger.account(client);
            assert_eq!(self.shards[self.shard_of(client)].account(client), account);
            let expected = self.model.accounts.get(&client).map(|it| {
                let [available, held] = [it.available, it.held].map(Balance::from_units);
                Account::new(available, held, it.locked)
            });
            assert_eq!(account, expected, "client {client}");
            if let Some(account) = account {
                assert!(account.held() >= Balance::ZERO, "client {client}");
                sum += account.total();
            }
        }
        assert_eq!((sum, sum.units()), (self.totals.expected_total(), self.model.control_total));
    }

    fn shard_of(&self, client: u64) -> usize {
        let count = u64::try_from(self.shards.len()).expect("few");
        usize::try_from(client % count).expect("few")
    }

    fn apply_to_shard(&mut self, transaction: &Transaction) -> Result<(), Rejection> {
        let shard = self.shard_of(transaction.client);
        let mut posting = Posting::by_id(transaction, Marks::NONE);
        let moves = transaction.kind.moves_money();
        let decisions = self.registry.decide(&[transaction.tx], u64::from(moves), &[]);
        if decisions.duplicate != 0 {
            return Err(Rejection::DuplicateTx);
        }
        if !moves {
            let lookup = self.registry.look_up(transaction.tx);
            (posting.key, posting.marks) = self.registry.refer(lookup, shard);
        } else if decisions.named != 0 {
            (posting.key, posting.marks) = self.registry.remember(transaction.tx, shard);
        }
        assert_eq!(self.registry.unnamed(), 0);
        self.shards[shard].apply(&posting)
    }

    /// Adds up what an applied transaction has moved.
    fn add_up(&mut self, transaction: &Transaction) {
        let reference = (transaction.client, transaction.tx);
        match (transaction.kind, transaction.amount) {
            (Kind::Deposit, Some(amount)) => {
                self.totals.deposited += amount;
                assert_eq!(self.deposits.insert(reference, amount), None);
            }
            (Kind::Withdrawal, Some(amount)) => self.totals.withdrawn += amount,
            (Kind::Chargeback, None) => self.totals.charged_back += self.deposits[&reference],
            (Kind::Dispute, None) => self.totals.disputed += self.deposits[&reference],
            (Kind::Resolve, None) => self.totals.resolved += self.deposits[&reference],
            _ => unreachable!("only deposits and withdrawals have an amount"),
        }
    }

    fn close(self) {
        let Self { ledger, shards, model, totals, .. } = self;
        let closed = ledger.close();
        assert_eq!(closed.totals, totals);
        check(&closed.accounts, &totals).expect("the invariants hold at the end");
        assert_eq!(text(&closed.accounts), model.report());
        let mut joined = Totals::default();
        let mut accounts = SortedAccounts::default();
        for shard in shards.into_iter().map(Shard::close) {
            joined.add(&shard.totals);
            accounts.append(shard.accounts);
        }
        assert_eq!((accounts, joined), (closed.accounts, totals));
    }
}

fn for_model(transaction: &Transaction) -> model::reader::Transaction {
    use model::reader::Kind as Named;
    model::reader::Transaction {
        kind: match transaction.kind {
            Kind::Deposit => Named::Deposit,
            Kind::Withdrawal => Named::Withdrawal,
            Kind::Dispute => Named::Dispute,
            Kind::Resolve => Named::Resolve,
            Kind::Chargeback => Named::Chargeback,
        },
        client: transaction.client,
        id: transaction.tx,
        amount: transaction.amount.map_or(0, |amount| Balance::from(amount).units()),
        amount_ignored: false,
    }
}

fn text(accounts: &SortedAccounts) -> String {
    let mut text = Vec::new();
    balances::write(&mut text, accounts, NonZeroUsize::MIN).expect("memory");
    String::from_utf8(text).expect("ASCII")
}
