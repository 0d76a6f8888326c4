//! Making the manifest of a run that is done.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{
    Accounts, Conservation, GivenPath, HashTotals, InputFile, Manifest, OfType, Options,
    OutputDigest, Rows, RunFacts, SCHEMA,
};
use crate::digest::Digested;
use crate::engine::{Config, Report};
use crate::ledger::Totals;
use crate::printable::Printable;
use crate::state_root::StateRoot;
use crate::summary::{ControlTotals, Summary};
use crate::transaction::Kind;

/// An output that was written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// The path as it was given; `-` is standard output.
    pub path: &'a [u8],
    /// What was written.
    pub digested: Digested,
}

/// What a manifest is made of.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// How the run was set up, with control totals and digests.
    pub config: &'a Config,
    /// What it found.
    pub report: &'a Report,
    /// The inputs as they were given, in order; `-` is standard input.
    pub paths: Vec<&'a [u8]>,
    /// The balances.
    pub balances: Written<'a>,
    /// The rejects, if they were written.
    pub rejects: Option<Written<'a>>,
    /// The root of the accounts.
    pub state_root: StateRoot,
    /// What differs from run to run.
    pub run: RunFacts,
}

impl Manifest {
    /// Makes the manifest of a run.
    ///
    /// # Panics
    /// The run computed no control totals or no digests.
    pub fn of(evidence: Evidence<'_>) -> Self {
        let Evidence { config, report, paths, balances, rejects, state_root, run } = evidence;
        let totals = report.control_totals.expect("a manifest states control totals");
        Self {
            schema: SCHEMA.to_owned(),
            millrace: env!("CARGO_PKG_VERSION").to_owned(),
            rules: config.rules.entries().map(|(key, value)| (key.to_owned(), value)).into(),
            options: options(config),
            inputs: inputs(report, &paths),
            rows: rows(&report.summary),
            by_type: by_type(&totals),
            hash_totals: HashTotals {
                client: totals.client_hash_total.to_string(),
                tx: totals.tx_hash_total.to_string(),
            },
            accounts: Accounts {
                all: report.audit.accounts,
                locked: report.audit.locked,
                available: report.audit.available.to_string(),
                held: report.audit.held.to_string(),
                total: report.audit.total().to_string(),
            },
            conservation: conservation(&totals),
            balances: output(balances),
            rejects: rejects.map(output),
            state_root: state_root.to_string(),
            run,
        }
    }
}

fn options(config: &Config) -> Options {
    let texts = |ids: &std::collections::BTreeSet<u64>| ids.iter().map(u64::to_string).collect();
    Options {
        strict: config.strict,
        ignore_extra_columns: config.ignores_extra_columns(),
        until_line: config.until_line,
        without_clients: texts(&config.left_out.clients),
        without_txs: texts(&config.left_out.txs),
        max_input_bytes: config.max_input_bytes,
    }
}

fn inputs(report: &Report, paths: &[&[u8]]) -> Vec<InputFile> {
    let describe = |(input, path): (&crate::engine::InputReport, &&[u8])| {
        let Digested { bytes, blake3 } = input.stored.expect("a manifest states digests");
        InputFile {
            path: GivenPath::of(path),
            bytes,
            blake3: blake3.to_string(),
            content_bytes: input.bytes,
            rows: input.rows,
        }
    };
    report.inputs.iter().zip(paths).map(describe).collect()
}

fn rows(summary: &Summary) -> Rows {
    let refused = &summary.refused;
    let rejected = refused.rejections().map(|(it, count)| (it.name().to_owned(), count));
    let malformed = refused.malformations().map(|(it, count)| (it.name().to_owned(), count));
    Rows {
        all: summary.rows,
        applied: summary.applied,
        rejected: refused.rejected(),
        malformed: refused.malformed(),
        left_out: summary.left_out,
        rejected_by_reason: rejected.collect(),
        malformed_by_reason: malformed.collect(),
        blank_lines: summary.blank_lines,
        amounts_ignored: summary.amounts_ignored,
    }
}

fn by_type(totals: &ControlTotals) -> BTreeMap<String, OfType> {
    let of = |kind: Kind| OfType {
        applied: totals.applied.rows(kind),
        applied_amount: totals.applied.amount(kind).to_string(),
        rejected: totals.rejected.rows(kind),
        rejected_amount: totals.rejected.amount(kind).to_string(),
    };
    Kind::ALL.map(|kind| (kind.name().to_owned(), of(kind))).into()
}

fn conservation(totals: &ControlTotals) -> Conservation {
    let moved = |kind| totals.applied.amount(kind);
    let sums = Totals {
        deposited: moved(Kind::Deposit),
        withdrawn: moved(Kind::Withdrawal),
        charged_back: moved(Kind::Chargeback),
        disputed: moved(Kind::Dispute),
        resolved: moved(Kind::Resolve),
    };
    Conservation {
        deposited: sums.deposited.to_string(),
        withdrawn: sums.withdrawn.to_string(),
        charged_back: sums.charged_back.to_string(),
        total: sums.expected_total().to_string(),
        disputed: sums.disputed.to_string(),
        resolved: sums.resolved.to_string(),
        held: sums.expected_held().to_string(),
    }
}

fn output(written: Written<'_>) -> OutputDigest {
    let Digested { bytes, blake3 } = written.digested;
    OutputDigest { path: GivenPath::of(written.path), bytes, blake3: blake3.to_string() }
}

impl GivenPath {
    /// Describes a path.
    pub(super) fn of(path: &[u8]) -> Self {
        let shown = Printable::bytes(path).to_string();
        let path_hex = (shown.as_bytes() != path).then(|| {
            path.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("memory takes text");
                hex
            })
        });
        Self { path: shown, path_hex }
    }
}
