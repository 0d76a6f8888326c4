//! A difference as a golden sample: the files that `tests/golden.rs` reads.

use millrace::rules::Rules;

use crate::compare::{Difference, report_of_model};
use crate::model;

/// A sample and what the model expects of it.
pub(crate) struct Sample {
    name: String,
    input: Vec<u8>,
    expected: String,
    /// Where rows are not applied.
    rejects: Option<String>,
    args: Vec<String>,
}

impl Sample {
    /// Makes the sample of a difference; `None` if it takes several inputs to show it.
    pub(crate) fn of(difference: &Difference) -> Option<Self> {
        let history = &difference.case.history;
        let [input] = &history.inputs[..] else { return None };
        let report = report_of_model(history).expect("a difference is one the model takes");
        let is_refused = report.rows.iter().any(|row| row.outcome.is_err());
        let mut args = Vec::new();
        let defaults = Rules::default().entries();
        for (key, value) in history.rules.entries() {
            if !defaults.contains(&(key, value.clone())) {
                args.extend(["--rule".to_owned(), format!("{key}={value}")]);
            }
        }
        let flags = history.flags;
        for (is_set, flag) in
            [(flags.strict, "--strict"), (flags.ignore_extra_columns, "--ignore-extra-columns")]
        {
            args.extend(is_set.then(|| flag.to_owned()));
        }
        Some(Self {
            name: format!("seed-{}", difference.seed),
            input: input.clone(),
            rejects: is_refused.then(|| model::rejects::write(&report)),
            expected: report.balances,
            args,
        })
    }

    /// Gives the name and the bytes of each of its files.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let Self { name, input, expected, rejects, args } = self;
        let mut files = vec![
            (format!("{name}.csv"), input.clone()),
            (format!("{name}.expected.csv"), expected.clone().into_bytes()),
        ];
        if let Some(rejects) = rejects {
            files.push((format!("{name}.rejects.csv"), rejects.clone().into_bytes()));
        }
        if !args.is_empty() {
            files.push((format!("{name}.args"), (args.join("\n") + "\n").into_bytes()));
        }
        files
    }
}
