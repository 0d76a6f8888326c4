//! Every history of a few rows, over two clients, two ids and two amounts: none is left to chance.
//!
//! Up to four rows always; all of five rows by
//! `cargo test --release --test exhaustive -- --ignored --nocapture`, which prints their number.

#[expect(dead_code, reason = "the rows are not read here, they are meant")]
mod model;

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::thread;

use millrace::amount::Amount;
use millrace::ledger::{Ledger, check};
use millrace::outcome::{Reason, Rejection};
use millrace::output::balances;
use millrace::output::rejects::RejectedRow;
use millrace::rules::{Locked, Permission, Rules, TxIdSpace};
use millrace::transaction::{Kind, Transaction};
use millrace::{Config, Input, Sinks, Threads};

use model::reader;

const HEADER: &str = "type,client,tx,amount\n";
const KINDS: [reader::Kind; 5] = [
    reader::Kind::Deposit,
    reader::Kind::Withdrawal,
    reader::Kind::Dispute,
    reader::Kind::Resolve,
    reader::Kind::Chargeback,
];

/// A row in the terms of the model, of the ledger and of a file.
struct Row {
    meant: reader::Transaction,
    transaction: Transaction,
    text: String,
}

impl Row {
    fn new(kind: reader::Kind, client: u64, tx: u64, units: Option<u64>) -> Self {
        let amount = i128::from(units.unwrap_or(0));
        let name = kind.name();
        let mut text = format!("{name},{client},{tx},");
        if units.is_some() {
            write!(text, "{}", model::decimal(amount)).expect("memory");
        }
        let transaction = Transaction {
            client,
            tx,
            amount: units.and_then(Amount::from_units),
            kind: Kind::from_name(name.as_bytes()).expect("a kind"),
        };
        let meant = reader::Transaction { kind, client, id: tx, amount, amount_ignored: false };
        Self { meant, transaction, text: text + "\n" }
    }
}

/// Every row over two clients, two ids and two amounts: 28.
fn vocabulary() -> Vec<Row> {
    let mut rows = Vec::new();
    for (client, tx) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for kind in KINDS {
            let units = match kind {
                reader::Kind::Deposit | reader::Kind::Withdrawal => &[Some(1), Some(2)][..],
                reader::Kind::Dispute | reader::Kind::Resolve | reader::Kind::Chargeback => &[None],
            };
            rows.extend(units.iter().map(|&units| Row::new(kind, client, tx, units)));
        }
    }
    rows
}

/// Every choice of rules, but for the largest ids.
fn every_rules() -> Vec<Rules> {
    let mut all = Vec::new();
    for locked in [Locked::Frozen, Locked::DepositsAndDisputes] {
        for overdrawn_dispute in [Permission::Allow, Permission::Reject] {
            for redispute in [Permission::Allow, Permission::Reject] {
                for tx_ids in [TxIdSpace::Global, TxIdSpace::PerClient] {
                    let rules =
                        Rules { locked, overdrawn_dispute, redispute, tx_ids, ..Rules::default() };
                    all.push(rules);
                }
            }
        }
    }
    all
}

/// What has been said so far, and what the model makes of it.
#[derive(Clone, Default)]
struct Path<'r> {
    rows: Vec<&'r Row>,
    outcomes: Vec<Result<(), Rejection>>,
    model: model::Ledger,
}

impl<'r> Path<'r> {
    fn then(&self, row: &'r Row, rules: &Rules) -> Self {
        let mut next = self.clone();
        next.rows.push(row);
        next.outcomes.push(next.model.apply(&row.meant, false, rules));
        next
    }

    fn text(&self) -> String {
        self.rows.iter().fold(HEADER.to_owned(), |text, row| text + &row.text)
    }

    /// Applies the rows one by one to a ledger.
    fn compare_with_ledger(&self, rules: Rules) {
        let mut ledger = Ledger::new(rules);
        for (row, expected) in self.rows.iter().zip(&self.outcomes) {
            let outcome = ledger.apply(&row.transaction);
            assert_eq!(outcome, *expected, "{:?} in {}", row.transaction, self.text());
        }
        let closed = ledger.close();
        check(&closed.accounts, &closed.totals).expect("no money is made or lost");
        let found = closed.accounts.iter().map(|(client, account)| {
            let (available, held) = (account.available().units(), account.held().units());
            (client, available, held, account.is_locked())
        });
        let expected =
            self.model.accounts.iter().map(|(&it, of)| (it, of.available, of.held, of.locked));
        assert!(found.eq(expected), "{:?} after {}", closed.accounts, self.text());
        let expected = self.model.control_total;
        assert_eq!(closed.totals.expected_total().units(), expected, "{}", self.text());
    }

    /// Runs the rows as a file.
    fn compare_with_run(&self, config: &Config) {
        let mut refused = Vec::new();
        let mut sink = |row: &RejectedRow<'_>| {
            refused.push((row.line, row.reason));
            Ok(())
        };
        let input = Input::bytes("memory", self.text());
        let sinks = Sinks { rejects: Some(&mut sink) };
        let report = millrace::run(config, vec![input], sinks).expect("a transactions CSV");
        let expected = (2..).zip(&self.outcomes).filter_map(|(line, outcome)| {
            outcome.err().map(|rejection| (line, Reason::Rejected(rejection)))
        });
        assert!(refused.iter().copied().eq(expected), "{refused:?} in {}", self.text());
        let mut written = Vec::new();
        balances::write(&mut written, &report.accounts, NonZeroUsize::MIN).expect("memory");
        let found = String::from_utf8(written).expect("ASCII");
        assert_eq!(found, self.model.report(), "after {}", self.text());
    }
}

/// Compares every history of at most so many rows with the ledger, and those of at most so many
/// with a run as well.
struct Scope {
    rules: Rules,
    most_rows: usize,
    most_rows_run: usize,
}

impl Scope {
    /// Walks through all histories and gives their number.
    fn walk(&self, vocabulary: &[Row]) -> u64 {
        // Two halves, each on a thread: so many cores even a small machine has.
        thread::scope(|scope| {
            let halves = vocabulary.chunks(vocabulary.len().div_ceil(2));
            let walkers: Vec<_> = halves
                .map(|half| scope.spawn(move || self.walk_on(&Path::default(), half, vocabulary)))
                .collect();
            walkers.into_iter().map(|walker| walker.join().expect("no difference")).sum()
        })
    }

    fn walk_on<'r>(&self, path: &Path<'r>, next: &'r [Row], vocabulary: &'r [Row]) -> u64 {
        let Self { rules, most_rows, most_rows_run } = *self;
        let config = Config {
            rules,
            workers: Some(NonZeroUsize::MIN),
            threads: Threads::Never,
            ..Config::default()
        };
        let mut count = 0;
        for row in next {
            let path = path.then(row, &rules);
            let rows = path.rows.len();
            path.compare_with_ledger(rules);
            if rows <= most_rows_run {
                path.compare_with_run(&config);
            }
            count += 1;
            if rows < most_rows {
                count += self.walk_on(&path, vocabulary, vocabulary);
            }
        }
        count
    }
}

/// 28 + 28² + … up to as many rows.
fn histories_of_up_to(most_rows: u32) -> u64 {
    (1..=most_rows).map(|rows| 28_u64.pow(rows)).sum()
}

#[test]
fn every_history_of_up_to_four_rows_ends_as_the_model_says() {
    let vocabulary = vocabulary();
    let scope = Scope { rules: Rules::default(), most_rows: 4, most_rows_run: 3 };
    assert_eq!(scope.walk(&vocabulary), 637_420);
    assert_eq!(histories_of_up_to(4), 637_420);
}

#[test]
fn every_history_of_up_to_three_rows_ends_as_the_model_says_under_all_rules() {
    let vocabulary = vocabulary();
    let all_rules = every_rules();
    assert_eq!(all_rules.len(), 16);
    for rules in all_rules {
        let scope = Scope { rules, most_rows: 3, most_rows_run: 2 };
        assert_eq!(scope.walk(&vocabulary), histories_of_up_to(3));
    }
}

#[test]
fn every_dispute_of_a_deposit_and_what_follows_ends_as_the_model_says() {
    let vocabulary = vocabulary();
    let deposit = Row::new(reader::Kind::Deposit, 1, 1, Some(2));
    let dispute = Row::new(reader::Kind::Dispute, 1, 1, None);
    for rules in every_rules() {
        let disputed = Path::default().then(&deposit, &rules).then(&dispute, &rules);
        let scope = Scope { rules, most_rows: 5, most_rows_run: 3 };
        let count = scope.walk_on(&disputed, &vocabulary, &vocabulary);
        assert_eq!(count, histories_of_up_to(3));
    }
}

#[test]
#[ignore = "minutes, and only of an optimised build: see the head of this file"]
fn every_history_of_up_to_five_rows_ends_as_the_model_says() {
    let vocabulary = vocabulary();
    let scope = Scope { rules: Rules::default(), most_rows: 5, most_rows_run: 5 };
    let count = scope.walk(&vocabulary);
    assert_eq!(count, 17_847_788);
    println!("{count} histories of one to five rows, each one by one and as a file");
    for rules in every_rules() {
        let scope = Scope { rules, most_rows: 4, most_rows_run: 4 };
        let count = scope.walk(&vocabulary);
        assert_eq!(count, histories_of_up_to(4));
        println!("{count} histories of one to four rows under {rules}");
    }
}

/// A deposit, and a retry of it that is refused.
fn deposit_and_retry(vocabulary: &[Row]) -> Path<'_> {
    let (rules, deposit) = (Rules::default(), &vocabulary[0]);
    Path::default().then(deposit, &rules).then(deposit, &rules)
}

#[test]
#[should_panic(expected = "DuplicateTx")]
fn another_outcome_of_the_ledger_is_noticed() {
    let vocabulary = vocabulary();
    let mut path = deposit_and_retry(&vocabulary);
    path.outcomes[1] = Ok(());
    path.compare_with_ledger(Rules::default());
}

#[test]
#[should_panic(expected = "after type,client,tx,amount")]
fn another_balance_of_the_ledger_is_noticed() {
    let vocabulary = vocabulary();
    let mut path = deposit_and_retry(&vocabulary);
    path.model.accounts.get_mut(&1).expect("an account").locked = true;
    path.compare_with_ledger(Rules::default());
}

#[test]
#[should_panic(expected = "DuplicateTx")]
fn another_outcome_of_a_run_is_noticed() {
    let vocabulary = vocabulary();
    let mut path = deposit_and_retry(&vocabulary);
    path.outcomes[1] = Ok(());
    path.compare_with_run(&Config { threads: Threads::Never, ..Config::default() });
}

#[test]
#[should_panic(expected = "1,0.0001,0.0000,0.0001,true")]
fn another_balance_of_a_run_is_noticed() {
    let vocabulary = vocabulary();
    let mut path = deposit_and_retry(&vocabulary);
    path.model.accounts.get_mut(&1).expect("an account").locked = true;
    path.compare_with_run(&Config { threads: Threads::Never, ..Config::default() });
}
