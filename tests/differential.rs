//! The engine against the reference model: the same histories, every way to run them, every row's
//! outcome and every byte of the output.

mod compare;
mod histories;
mod model;

use std::num::NonZeroUsize;
use std::thread;

use millrace::amount::Amount;
use millrace::ledger::{Ledger, check};
use millrace::outcome::Reason;
use millrace::output::balances;
use millrace::rules::{Rules, TxIdSpace};
use millrace::transaction::{Kind, Transaction};

use compare::{compare, report_of_model};

const HISTORIES: u64 = 100_000;
const THREADS: u64 = 2;

#[test]
fn engine_and_model_agree_on_every_history() {
    thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                let folder = tempfile::tempdir().expect("a temporary folder");
                for seed in (first..HISTORIES).step_by(THREADS.try_into().expect("two")) {
                    if let Err(difference) = compare(seed, folder.path()) {
                        panic!("{difference}");
                    }
                }
            });
        }
    });
}

/// Applies the rows one by one that are transactions to the model, and compares every outcome and
/// the balances.
fn compare_with_ledger(report: &model::Report, rules: Rules) {
    let mut ledger = Ledger::new(rules);
    for row in report.rows.iter().filter(|row| !matches!(row.outcome, Err(Reason::Malformed(_)))) {
        let columns = &row.columns;
        let name = columns.kind.map_or("", model::reader::Kind::name);
        let units = columns.amount.map(|units| u64::try_from(units).expect("an amount"));
        let transaction = Transaction {
            client: columns.client.expect("well-formed"),
            tx: columns.tx.expect("well-formed"),
            amount: units.map(|units| Amount::from_units(units).expect("an amount")),
            kind: Kind::from_name(name.as_bytes()).expect("well-formed"),
        };
        let outcome = ledger.apply(&transaction).map_err(Reason::Rejected);
        assert_eq!(outcome, row.outcome, "{transaction:?} in {:?}", text(report));
    }
    let closed = ledger.close();
    check(&closed.accounts, &closed.totals).expect("no money is made or lost");
    let mut written = Vec::new();
    balances::write(&mut written, &closed.accounts, NonZeroUsize::MIN).expect("memory");
    assert_eq!(String::from_utf8_lossy(&written), report.balances, "{:?}", text(report));
}

fn text(report: &model::Report) -> Vec<String> {
    report.rows.iter().map(|row| row.bytes.escape_ascii().to_string()).collect()
}

#[test]
fn transactions_given_one_by_one_end_like_the_rows_of_a_file() {
    for seed in 0..10_000 {
        let mut history = histories::history(seed);
        // That a row may have been cut is nothing that a ledger knows.
        history.flags.strict = false;
        let report = report_of_model(&history.inputs, &history).expect("a transactions CSV");
        compare_with_ledger(&report, history.rules);
    }
}

/// Every transaction over two clients, two ids and two amounts.
fn vocabulary() -> Vec<String> {
    let mut rows = Vec::new();
    for place in ["1,1", "1,2", "2,1", "2,2"] {
        for (kind, amounts) in [
            ("deposit", &["1", "2"][..]),
            ("withdrawal", &["1", "2"]),
            ("dispute", &[""]),
            ("resolve", &[""]),
            ("chargeback", &[""]),
        ] {
            rows.extend(amounts.iter().map(|amount| format!("{kind},{place},{amount}\n")));
        }
    }
    rows
}

#[test]
fn every_history_of_three_rows_ends_as_the_model_says() {
    let rows = vocabulary();
    let per_client = Rules { tx_ids: TxIdSpace::PerClient, ..Rules::default() };
    let profiles = Rules::PROFILES.map(|name| Rules::named(name).expect("a profile"));
    for rules in profiles.into_iter().chain([per_client]) {
        // Shorter histories are the beginnings of these, and every row is compared.
        for (first, second) in rows.iter().flat_map(|first| rows.iter().map(move |it| (first, it)))
        {
            for third in &rows {
                let text = ["type,client,tx,amount\n", first, second, third].concat();
                let flags = model::Flags::default();
                let report = model::run(&[text.as_bytes()], &rules, flags).expect("a CSV");
                compare_with_ledger(&report, rules);
            }
        }
    }
}

#[test]
fn every_dispute_of_a_deposit_and_what_follows_ends_as_the_model_says() {
    let rows = vocabulary();
    for profile in Rules::PROFILES {
        let rules = Rules::named(profile).expect("a profile");
        let start = "type,client,tx,amount\ndeposit,1,1,2\ndispute,1,1,\n";
        for (third, fourth) in rows.iter().flat_map(|third| rows.iter().map(move |it| (third, it)))
        {
            for fifth in &rows {
                let text = [start, third, fourth, fifth].concat();
                let flags = model::Flags::default();
                let report = model::run(&[text.as_bytes()], &rules, flags).expect("a CSV");
                compare_with_ledger(&report, rules);
            }
        }
    }
}
