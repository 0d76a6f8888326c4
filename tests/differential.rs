//! The engine against the reference model: the same histories, every way to run them, every row's
//! outcome and every byte of the output.

mod compare;
mod histories;
mod model;

use std::env;
use std::num::{NonZeroU64, NonZeroUsize};
use std::thread;

use millrace::amount::Amount;
use millrace::ledger::{Ledger, check};
use millrace::outcome::Reason;
use millrace::output::balances;
use millrace::rules::Rules;
use millrace::transaction::{Kind, Transaction};

use compare::{Case, Way, cases, compare, report_of_model};

/// How many histories are run, unless `MILLRACE_HISTORIES` gives another number: fewer under a
/// sanitizer, more overnight.
const HISTORIES: u64 = 100_000;
const THREADS: u64 = 2;

fn histories_wanted() -> u64 {
    let Some(text) = env::var_os("MILLRACE_HISTORIES") else { return HISTORIES };
    let number = text.to_str().and_then(|text| text.parse().ok()).map(NonZeroU64::get);
    number.expect("MILLRACE_HISTORIES is a number above 0")
}

#[test]
fn engine_and_model_agree_on_every_history() {
    let histories = histories_wanted();
    thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                let folder = tempfile::tempdir().expect("a temporary folder");
                for seed in (first..histories).step_by(THREADS.try_into().expect("two")) {
                    if let Err(difference) = compare(seed, Way::run, folder.path()) {
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
        let report = report_of_model(&history).expect("a transactions CSV");
        compare_with_ledger(&report, history.rules);
    }
}

/// Every dimension in which cases differ, with each of its values.
fn dimensions() -> Vec<(&'static str, Vec<String>)> {
    let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let switch = || all(&["false", "true"]);
    let mut dimensions = vec![
        ("workers", all(&["1", "2", "3", "7", "8", "16"])),
        ("readers", all(&["1", "2", "4", "8"])),
        ("batch rows", all(&["1", "2", "3", "2048"])),
        ("queue", all(&["1", "2", "8"])),
        ("block bytes", all(&["1", "2", "17", "64", "0"])),
        ("io", all(&["Map", "Read"])),
        ("threads", switch()),
        ("recall", all(&["Named", "All"])),
        ("feed", all(&["Bytes", "Stream(1)", "Stream(2)", "Stream(100)", "Gzip", "File"])),
        ("reporting", switch()),
        ("strict", switch()),
        ("extra columns ignored", switch()),
        ("inputs", all(&["1", "2", "3"])),
        ("rules", all(&["default", "event-sourced", "conservative", "others"])),
    ];
    for (key, values) in [
        ("locked", &["frozen", "deposits-and-disputes"][..]),
        ("overdrawn-dispute", &["allow", "reject"]),
        ("redispute", &["allow", "reject"]),
        ("tx-ids", &["global", "per-client"]),
        ("max-client", &["18446744073709551615", "65535", "2"]),
        ("max-tx", &["18446744073709551615", "4294967295", "6"]),
    ] {
        dimensions.push((key, all(values)));
    }
    dimensions
}

/// The value of a case in each dimension.
fn values(Case { history, way }: &Case) -> Vec<String> {
    let named = Rules::PROFILES.iter().find(|name| Rules::named(name) == Some(history.rules));
    let mut values = vec![
        way.workers.to_string(),
        way.readers.to_string(),
        way.batch_rows.to_string(),
        way.queue_batches.to_string(),
        way.block_bytes.to_string(),
        format!("{:?}", way.io),
        way.threads.to_string(),
        format!("{:?}", way.recall),
        format!("{:?}", way.feed),
        way.reporting.to_string(),
        history.flags.strict.to_string(),
        history.flags.ignore_extra_columns.to_string(),
        // Four are three and one without rows.
        history.inputs.len().min(3).to_string(),
        (*named.unwrap_or(&"others")).to_owned(),
    ];
    values.extend(history.rules.entries().map(|(_, value)| value));
    values
}

/// Tells of two values whether a profile rules them out together.
fn exclude_each_other(one: (&str, &str), other: (&str, &str)) -> bool {
    let ("rules", profile) = one else { return false };
    let (key, value) = other;
    Rules::named(profile)
        .is_some_and(|rules| rules.entries().iter().any(|it| it.0 == key && it.1 != value))
}

#[test]
fn every_two_values_of_two_dimensions_meet_in_a_case() {
    const SEEDS: u64 = 10_000;
    let dimensions = dimensions();
    let places: Vec<(usize, usize)> = (0..dimensions.len())
        .flat_map(|at| (0..dimensions[at].1.len()).map(move |value| (at, value)))
        .collect();
    let place = |at: usize, value: &str| {
        places.iter().position(|&(dimension, index)| {
            dimension == at && dimensions[dimension].1[index] == value
        })
    };
    let mut met = vec![vec![0_u32; places.len()]; places.len()];
    for case in (0..SEEDS).flat_map(cases) {
        let values = values(&case);
        let drawn: Vec<usize> = values
            .iter()
            .enumerate()
            .map(|(at, value)| place(at, value).unwrap_or_else(|| panic!("{at}: {value}")))
            .collect();
        for (&one, &other) in drawn.iter().flat_map(|one| drawn.iter().map(move |it| (one, it))) {
            met[one][other] += 1;
        }
    }
    let text = |place: usize| {
        let (dimension, value) = places[place];
        (dimensions[dimension].0, dimensions[dimension].1[value].as_str())
    };
    for (one, other) in (0..places.len()).flat_map(|one| (0..one).map(move |it| (one, it))) {
        let possible = places[one].0 != places[other].0
            && !exclude_each_other(text(one), text(other))
            && !exclude_each_other(text(other), text(one));
        assert!(!possible || met[one][other] > 0, "{:?} never meets {:?}", text(one), text(other));
    }
}
