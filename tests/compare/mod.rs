//! One history, one way to run it: what the engine says of it against what the reference model says.
//!
//! A difference is cut down to the fewest lines that still show it before it is reported.

use std::fmt;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use millrace::amount::Balance;
use millrace::input::Io;
use millrace::outcome::Reason;
use millrace::output::balances;
use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::parser::ExtraColumns;
use millrace::summary::Counts;
use millrace::{Config, Input, Recall, Sinks, Threads};

use crate::histories::{self, Dice, History};
use crate::model;

/// What a run says, in the terms that the engine and the model share.
#[derive(Debug, PartialEq)]
struct Findings {
    balances: String,
    counts: Counts,
    deposited: Balance,
    withdrawn: Balance,
    /// Input, line and reason of every row that was not applied; the others were.
    refused: Vec<(usize, u64, Reason)>,
    /// The rejects file of a single input.
    rejects: Option<String>,
    rows: u64,
    applied: u64,
    blank_lines: u64,
    ignored_amounts: u64,
    accounts: usize,
    locked_accounts: usize,
    bytes: usize,
    /// The inputs whose last row lacks its newline.
    unterminated: Vec<usize>,
}

impl Findings {
    /// What is left to compare of a run that does not report its refused rows.
    fn unreported(self) -> Self {
        Self { refused: Vec::new(), rejects: None, ..self }
    }
}

/// How the engine gets an input.
#[derive(Clone, Copy, Debug)]
enum Feed {
    Bytes,
    /// A stream that gives at most this many bytes at a time.
    Stream(usize),
    Gzip,
    File,
}

/// A way to run a history.
#[derive(Debug)]
struct Way {
    config: Config,
    feed: Feed,
    /// Whether refused rows are reported; where they are not, batches hold rows of several blocks.
    reporting: bool,
}

impl Way {
    fn draw(dice: &mut Dice, history: &History) -> Self {
        let extra = history.flags.ignore_extra_columns;
        let workers = dice.pick(&[1, 1, 2, 3, 7]);
        let config = Config {
            rules: history.rules,
            extra_columns: if extra { ExtraColumns::Ignore } else { ExtraColumns::Refuse },
            strict: history.flags.strict,
            workers: NonZeroUsize::new(workers),
            readers: NonZeroUsize::new(dice.pick(&[1, 2, 2, 4, 8])),
            batch_rows: dice.pick(&[1, 2, 3, Config::BATCH_ROWS]),
            queue_batches: dice.pick(&[1, 2, Config::QUEUE_BATCHES]),
            block_bytes: dice.pick(&[1, 2, 17, 64, Config::BLOCK_BYTES, Config::BLOCK_BYTES]),
            io: dice.pick(&[Io::Map, Io::Read]),
            threads: if dice.one_in(20) { Threads::Always } else { Threads::Never },
            recall: dice.pick(&[Recall::Named, Recall::All]),
            ..Config::default()
        };
        let feed = match dice.below(50) {
            0 => Feed::File,
            1 => Feed::Gzip,
            2..12 => Feed::Stream(dice.pick(&[1, 2, 100])),
            _ => Feed::Bytes,
        };
        Self { config, feed, reporting: !dice.one_in(4) }
    }

    /// Makes the inputs, and the labels that their rejects will carry.
    fn inputs(&self, inputs: &[Vec<u8>], folder: &Path) -> (Vec<Input>, Vec<Vec<u8>>) {
        let make = |(index, bytes): (usize, &Vec<u8>)| {
            let name = index.to_string();
            let label = name.clone().into_bytes();
            match self.feed {
                Feed::Bytes => (Input::bytes(name, bytes.clone()), label),
                Feed::Gzip => (Input::bytes(name, gzip(bytes)), label),
                Feed::Stream(most) => {
                    let reader = Trickle { bytes: Cursor::new(bytes.clone()), most };
                    (Input::reader(name, reader), label)
                }
                Feed::File => {
                    let path = folder.join(name);
                    fs::write(&path, bytes).expect("a file for an input");
                    let label = path.to_str().expect("ASCII").as_bytes().to_vec();
                    (Input::path(path), label)
                }
            }
        };
        inputs.iter().enumerate().map(make).unzip()
    }

    /// Runs the engine; what goes wrong is a text.
    fn run(&self, inputs: &[Vec<u8>], folder: &Path) -> Result<Findings, String> {
        let run = AssertUnwindSafe(|| self.run_unguarded(inputs, folder));
        catch_unwind(run).unwrap_or_else(|_| Err("panicked".to_owned()))
    }

    fn run_unguarded(&self, inputs: &[Vec<u8>], folder: &Path) -> Result<Findings, String> {
        let (opened, labels) = self.inputs(inputs, folder);
        let mut refused = Vec::new();
        let mut writer = RejectsWriter::new(Vec::new(), inputs.len() > 1);
        let mut sink = |row: &RejectedRow<'_>| {
            let input = labels.iter().position(|label| label == row.input);
            let input = input.ok_or_else(|| io::Error::other("a reject of no input"))?;
            refused.push((input, row.line, row.reason));
            writer.write(row)
        };
        let sinks =
            if self.reporting { Sinks { rejects: Some(&mut sink) } } else { Sinks::default() };
        let report =
            millrace::run(&self.config, opened, sinks).map_err(|error| error.to_string())?;
        let rejects = writer.finish().expect("memory");
        let rejects = String::from_utf8(rejects).expect("ASCII");
        let mut balances = Vec::new();
        balances::write(&mut balances, &report.accounts, self.config.closing_threads())
            .expect("memory");
        let summary = report.summary;
        assert!(summary.is_balanced());
        let unterminated = summary.unterminated_inputs.iter().map(|name| {
            (0..labels.len()).find(|&at| labels[at] == name.as_bytes()).expect("a known input")
        });
        Ok(Findings {
            balances: String::from_utf8(balances).expect("ASCII"),
            refused,
            counts: summary.refused,
            deposited: summary.deposited,
            withdrawn: summary.withdrawn,
            rejects: (inputs.len() == 1 && self.reporting).then_some(rejects),
            rows: summary.rows,
            applied: summary.applied,
            blank_lines: summary.blank_lines,
            ignored_amounts: summary.amounts_ignored,
            accounts: usize::try_from(summary.accounts).expect("few"),
            locked_accounts: usize::try_from(summary.locked_accounts).expect("few"),
            bytes: usize::try_from(summary.bytes).expect("few"),
            unterminated: unterminated.collect(),
        })
    }
}

/// Gives at most a few bytes at a time.
struct Trickle {
    bytes: Cursor<Vec<u8>>,
    most: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.most);
        self.bytes.read(&mut buffer[..most])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn report_of_model(inputs: &[Vec<u8>], history: &History) -> Option<model::Report> {
    let bytes: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
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

/// What the model says of inputs; `None` if one of them is no transactions CSV.
fn findings_of_model(inputs: &[Vec<u8>], history: &History) -> Option<Findings> {
    let report = report_of_model(inputs, history)?;
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
fn expected(inputs: &[Vec<u8>], history: &History, way: &Way) -> Option<Findings> {
    let findings = findings_of_model(inputs, history)?;
    Some(if way.reporting { findings } else { findings.unreported() })
}

/// Tells whether engine and model differ on inputs that the model takes.
fn differ(inputs: &[Vec<u8>], history: &History, way: &Way, folder: &Path) -> bool {
    expected(inputs, history, way).is_some_and(|expected| way.run(inputs, folder) != Ok(expected))
}

/// Drops lines as long as engine and model still differ.
fn minimal(history: &History, way: &Way, folder: &Path) -> Vec<Vec<u8>> {
    let mut inputs = history.inputs.clone();
    loop {
        let shorter = (0..inputs.len()).flat_map(|input| without_a_line(&inputs, input));
        match shorter.into_iter().find(|shorter| differ(shorter, history, way, folder)) {
            Some(shorter) => inputs = shorter,
            None => return inputs,
        }
    }
}

/// Gives the inputs without one of the lines of one input, each in turn.
fn without_a_line(inputs: &[Vec<u8>], input: usize) -> Vec<Vec<Vec<u8>>> {
    let lines: Vec<_> = inputs[input].split_inclusive(|&byte| byte == b'\n').collect();
    let without = |line: usize| {
        let mut shorter = inputs.to_vec();
        shorter[input] = [&lines[..line], &lines[line + 1..]].concat().concat();
        shorter
    };
    (0..lines.len()).map(without).collect()
}

/// A history on which engine and model differ.
pub(crate) struct Difference {
    pub(crate) seed: u64,
    pub(crate) history: History,
    way: Way,
    /// The fewest lines of its inputs that show it.
    pub(crate) inputs: Vec<Vec<u8>>,
    expected: Option<Findings>,
    found: Result<Findings, String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, history, way, inputs, expected, found } = self;
        let texts: Vec<_> = inputs.iter().map(|bytes| bytes.escape_ascii().to_string()).collect();
        writeln!(f, "seed {seed}, {:?}, {:?}, {way:#?}", history.flags, history.rules)?;
        writeln!(f, "on {texts:#?}\nthe model has {expected:#?}\nthe engine has {found:#?}")
    }
}

/// Runs the history of a seed in one or two ways of the seed's choice.
///
/// # Errors
/// Engine and model differ.
pub(crate) fn compare(seed: u64, folder: &Path) -> Result<(), Box<Difference>> {
    let history = histories::history(seed);
    let mut dice = Dice::new(!seed);
    let ways = if dice.one_in(4) { 2 } else { 1 };
    for _ in 0..ways {
        let way = Way::draw(&mut dice, &history);
        let findings = expected(&history.inputs, &history, &way).expect("a transactions CSV");
        if way.run(&history.inputs, folder) == Ok(findings) {
            continue;
        }
        let inputs = minimal(&history, &way, folder);
        let (expected, found) = (expected(&inputs, &history, &way), way.run(&inputs, folder));
        return Err(Box::new(Difference { seed, history, way, inputs, expected, found }));
    }
    Ok(())
}
