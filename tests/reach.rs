//! The random histories reach everything that the rules can say, and stay within what the model
//! promises. A generator that never locked an account would make every comparison with it worthless.

mod histories;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use millrace::outcome::{Malformation, Reason, Rejection};

use model::reader;

const HISTORIES: u64 = 20_000;
/// Each reason must be met at least this often.
const OFTEN: u64 = 100;
/// Each edge must be met by at least so many histories.
const EDGE_OFTEN: u64 = 20;

/// What histories meet at the edges, beyond what has a reason of its own.
fn edges_of(report: &model::Report) -> Vec<(&'static str, bool)> {
    let applied = || report.rows.iter().filter(|row| row.outcome.is_ok());
    let txs: BTreeSet<u64> = applied().filter_map(|row| row.columns.tx).collect();
    let clients: BTreeSet<u64> = applied().filter_map(|row| row.columns.client).collect();
    let amounts: BTreeSet<i128> = applied().filter_map(|row| row.columns.amount).collect();
    let has_both =
        |ids: &BTreeSet<u64>, edge: u64| ids.contains(&(edge - 1)) && ids.contains(&edge);
    let (mut disputes, mut charged_back) = (BTreeMap::new(), BTreeSet::new());
    for row in applied() {
        let whose = (row.columns.client, row.columns.tx);
        match row.columns.kind {
            Some(reader::Kind::Dispute) => *disputes.entry(whose).or_insert(0) += 1,
            Some(reader::Kind::Chargeback) => {
                charged_back.insert(whose.0);
            }
            _ => {}
        }
    }
    let refused = |reason| {
        let refusal = Err(Reason::Rejected(reason));
        report.rows.iter().filter(|row| row.outcome == refusal).count()
    };
    let [takes_all, takes_more] = withdrawals_at_the_edge(report);
    [
        ("tx 0", txs.contains(&0)),
        ("tx 2^64-1", txs.contains(&u64::MAX)),
        ("tx 2^64-1 and tx 0", txs.contains(&0) && txs.contains(&u64::MAX)),
        ("client 0", clients.contains(&0)),
        ("client 2^64-1", clients.contains(&u64::MAX)),
        ("both sides of a word", has_both(&txs, 64)),
        ("both sides of a page", has_both(&txs, 512)),
        ("both sides of the table of pages", has_both(&txs, 512 << 10)),
        ("both sides of a far page", has_both(&txs, 1 << 40)),
        ("both sides of the last page", has_both(&txs, u64::MAX - 511)),
        ("both sides of the last word", has_both(&txs, u64::MAX - 63)),
        ("both sides of the classic txs", has_both(&txs, 1 << 32)),
        ("both sides of the classic clients", has_both(&clients, 1 << 16)),
        ("both sides of a part of the accounts", has_both(&clients, 1 << 12)),
        ("six of a far page", txs.range(1 << 20..u64::MAX - 1024).count() >= 6),
        ("ids in pages of their own", txs.iter().filter(|tx| **tx % 512 == 0).count() >= 3),
        ("the smallest amount", amounts.contains(&1)),
        ("the largest amount", amounts.contains(&i128::from(i64::MAX))),
        ("a withdrawal of all that is available", takes_all),
        ("a withdrawal of the smallest amount more", takes_more),
        ("three disputes of one deposit", disputes.values().any(|&count| count >= 3)),
        ("three accounts locked", charged_back.len() >= 3),
        ("ten rows that meet a lock", refused(Rejection::AccountLocked) >= 10),
        ("ten duplicates", refused(Rejection::DuplicateTx) >= 10),
        ("hundreds of rows", report.rows.len() > 200),
    ]
    .to_vec()
}

/// Tells whether a withdrawal takes all that is available, and whether one fails by 1.
fn withdrawals_at_the_edge(report: &model::Report) -> [bool; 2] {
    let (mut found, mut available) = ([false; 2], BTreeMap::new());
    for row in &report.rows {
        let columns = &row.columns;
        let available: &mut i128 = available.entry(columns.client).or_default();
        let amount = columns.amount.unwrap_or(0);
        match (columns.kind, row.outcome) {
            (Some(reader::Kind::Deposit), Ok(())) => *available += amount,
            (Some(reader::Kind::Withdrawal), Ok(())) => {
                found[0] |= *available == amount;
                *available -= amount;
            }
            (Some(reader::Kind::Withdrawal), Err(reason)) => {
                let fails = reason == Reason::Rejected(Rejection::InsufficientFunds);
                found[1] |= fails && *available + 1 == amount;
            }
            // What disputes do to it is left out, as there are enough accounts without.
            _ => {}
        }
    }
    found
}

#[test]
fn histories_reach_every_reason_every_kind_and_every_edge() {
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    let mut edges: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..HISTORIES {
        let histories::History { inputs, rules, flags } = histories::history(seed);
        let bytes: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let report = model::run(&bytes, &rules, flags).expect("a transactions CSV");
        let mut refused = 0;
        for row in &report.rows {
            assert!(row.input < inputs.len() && row.line > 1 && !row.bytes.is_empty());
            let what = match (row.outcome, row.columns.kind) {
                (Err(reason), _) => Reason::name(reason),
                (Ok(()), kind) => kind.map_or("nothing", reader::Kind::name),
            };
            refused += usize::from(row.outcome.is_err());
            *met.entry(what).or_default() += 1;
        }
        assert_eq!(model::rejects::write(&report).lines().count(), 1 + refused, "seed {seed}");
        for (edge, is_met) in edges_of(&report) {
            *edges.entry(edge).or_default() += u64::from(is_met);
        }
        *met.entry("blank line").or_default() += report.blank_lines;
        *met.entry("ignored amount").or_default() += report.ignored_amounts;
        *met.entry("debt").or_default() += u64::from(report.balances.contains(",-"));
        *met.entry("several inputs").or_default() += u64::from(inputs.len() > 1);
    }
    let kinds = ["deposit", "withdrawal", "dispute", "resolve", "chargeback"];
    let others = ["blank line", "ignored amount", "debt", "several inputs"];
    let malformations = Malformation::ALL.map(Malformation::name);
    let rejections = Rejection::ALL.map(Rejection::name);
    for wanted in [&kinds[..], &others, &malformations, &rejections].concat() {
        let count = met.get(wanted).copied().unwrap_or(0);
        assert!(count >= OFTEN, "{wanted}: {count} in {HISTORIES} histories; met are {met:?}");
    }
    assert!(!met.contains_key("nothing"));
    assert!(edges.values().all(|&count| count >= EDGE_OFTEN), "{edges:#?}");
}

#[test]
fn a_seed_gives_the_same_history_again() {
    for seed in 0..100 {
        let (first, second) = (histories::history(seed), histories::history(seed));
        assert_eq!(first.inputs, second.inputs);
        assert_eq!((first.rules, first.flags), (second.rules, second.flags));
    }
}
