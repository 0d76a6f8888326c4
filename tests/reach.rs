//! The random histories reach everything that the rules can say, and stay within what the model
//! promises. A generator that never locked an account would make every comparison with it worthless.

mod histories;
mod model;

use std::collections::BTreeMap;

use millrace::outcome::{Malformation, Reason, Rejection};

const HISTORIES: u64 = 20_000;
/// Each reason must be met at least this often.
const OFTEN: u64 = 100;

#[test]
fn histories_reach_every_reason_and_every_kind() {
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..HISTORIES {
        let histories::History { inputs, rules, flags } = histories::history(seed);
        let bytes: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let report = model::run(&bytes, &rules, flags).expect("a transactions CSV");
        let mut refused = 0;
        for row in &report.rows {
            assert!(row.input < inputs.len() && row.line > 1 && !row.bytes.is_empty());
            let what = match (row.outcome, row.columns.kind) {
                (Err(reason), _) => Reason::name(reason),
                (Ok(()), kind) => kind.map_or("nothing", model::reader::Kind::name),
            };
            refused += usize::from(row.outcome.is_err());
            *met.entry(what).or_default() += 1;
        }
        assert_eq!(model::rejects::write(&report).lines().count(), 1 + refused, "seed {seed}");
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
}

#[test]
fn a_seed_gives_the_same_history_again() {
    for seed in 0..100 {
        let (first, second) = (histories::history(seed), histories::history(seed));
        assert_eq!(first.inputs, second.inputs);
        assert_eq!((first.rules, first.flags), (second.rules, second.flags));
    }
}
