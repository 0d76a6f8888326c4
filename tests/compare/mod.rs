//! One history, one way to run it: what the engine says of it against what the reference model says.
//!
//! A difference is cut down before it is reported: to the fewest lines, the default rules and the
//! simplest way to run them that still show it.

mod smaller;
mod way;

use std::fmt;
use std::path::Path;

use millrace::amount::Balance;
use millrace::outcome::Reason;
use millrace::summary::Counts;

use crate::histories::{self, Dice, History};
use crate::model;
pub(crate) use smaller::Case;
pub(crate) use way::Way;

/// What a run says, in the terms that the engine and the model share.
#[derive(Debug, PartialEq)]
pub(crate) struct Findings {
    pub(crate) balances: String,
    pub(crate) counts: Counts,
    pub(crate) deposited: Balance,
    pub(crate) withdrawn: Balance,
    /// Input, line and reason of every row that was not applied; the others were.
    pub(crate) refused: Vec<(usize, u64, Reason)>,
    /// The rejects file of a single input.
    pub(crate) rejects: Option<String>,
    pub(crate) rows: u64,
    pub(crate) applied: u64,
    pub(crate) blank_lines: u64,
    pub(crate) ignored_amounts: u64,
    pub(crate) accounts: usize,
    pub(crate) locked_accounts: usize,
    pub(crate) bytes: usize,
    /// The inputs whose last row lacks its newline.
    pub(crate) unterminated: Vec<usize>,
}

impl Findings {
    /// What is left to compare of a run that does not report its refused rows.
    fn unreported(self) -> Self {
        Self { refused: Vec::new(), rejects: None, ..self }
    }
}

/// What the model says of a history; `None` if an input is no transactions CSV.
pub(crate) fn report_of_model(history: &History) -> Option<model::Report> {
    let bytes: Vec<&[u8]> = history.inputs.iter().map(Vec::as_slice).collect();
    model::run(&bytes, &history.rules, history.flags)
}

/// The money that applied rows of one kind have moved.
fn moved(report: &model::Report, kind: &str) -> Balance {
    let applied = report.rows.iter().filter(|row| row.outcome.is_ok());
    let amounts = applied.filter_map(|row| {
        let columns = &row.columns;
        columns.amount.filter(|_| columns.kind.is_some_and(|it| it.name() == kind))
    });
    Balance::from_units(amounts.sum())
}

/// What the model says of a history, in the same terms as the engine.
fn findings_of_model(history: &History) -> Option<Findings> {
    let (report, inputs) = (report_of_model(history)?, &history.inputs);
    let refused: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| row.outcome.err().map(|reason| (row.input, row.line, reason)))
        .collect();
    let is_unterminated = |&input: &usize| {
        let last_line = inputs[input].split(|&byte| byte == b'\n').count();
        let last_line = u64::try_from(last_line).expect("few");
        report.rows.iter().any(|row| (row.input, row.line) == (input, last_line))
    };
    let mut counts = Counts::default();
    for &(.., reason) in &refused {
        counts.add(reason);
    }
    let rows = u64::try_from(report.rows.len()).expect("few");
    Some(Findings {
        counts,
        deposited: moved(&report, "deposit"),
        withdrawn: moved(&report, "withdrawal"),
        rejects: (inputs.len() == 1).then(|| model::rejects::write(&report)),
        applied: rows - u64::try_from(refused.len()).expect("few"),
        refused,
        rows,
        blank_lines: report.blank_lines,
        ignored_amounts: report.ignored_amounts,
        accounts: report.balances.lines().count() - 1,
        locked_accounts: report.balances.matches(",true\n").count(),
        bytes: inputs.iter().map(Vec::len).sum(),
        unterminated: (0..inputs.len()).filter(is_unterminated).collect(),
        balances: report.balances,
    })
}

/// What the model expects of a run; `None` if an input is no transactions CSV.
fn expected(case: &Case) -> Option<Findings> {
    let findings = findings_of_model(&case.history)?;
    Some(if case.way.reporting { findings } else { findings.unreported() })
}

/// What is compared with the model; what goes wrong is a text. [`Way::run`] is the engine.
pub(crate) type Engine = fn(&Way, &History, &Path) -> Result<Findings, String>;

/// A history on which engine and model differ.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) seed: u64,
    /// The smallest that shows it.
    pub(crate) case: Case,
    expected: Option<Findings>,
    found: Result<Findings, String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, case: Case { history, way }, expected, found } = self;
        writeln!(f, "seed {seed}, {:?}, {:?}\n{way:?}", history.flags, history.rules)?;
        for (index, input) in history.inputs.iter().enumerate() {
            writeln!(f, "input {index}: \"{}\"", input.escape_ascii())?;
        }
        writeln!(f, "the model has {expected:?}\nthe engine has {found:?}")
    }
}

/// The history of a seed, with one or two ways to run it.
pub(crate) fn cases(seed: u64) -> Vec<Case> {
    let history = histories::history(seed);
    let mut dice = Dice::new(!seed);
    let ways = if dice.one_in(4) { 2 } else { 1 };
    (0..ways).map(|_| Case { history: history.clone(), way: Way::draw(&mut dice) }).collect()
}

/// Runs the cases of a seed.
///
/// # Errors
/// Engine and model differ.
pub(crate) fn compare(seed: u64, engine: Engine, folder: &Path) -> Result<(), Box<Difference>> {
    let run = |case: &Case| engine(&case.way, &case.history, folder);
    for case in cases(seed) {
        let findings = expected(&case).expect("a transactions CSV");
        if run(&case) == Ok(findings) {
            continue;
        }
        // What the model does not take shows nothing.
        let differs = |case: &Case| expected(case).is_some_and(|it| run(case) != Ok(it));
        let case = case.smallest(differs);
        let (expected, found) = (expected(&case), run(&case));
        return Err(Box::new(Difference { seed, case, expected, found }));
    }
    Ok(())
}
