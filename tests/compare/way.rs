//! A way to run a history: how the engine gets its inputs, and with how many threads of what size.

use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use millrace::input::Io;
use millrace::output::balances;
use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::parser::ExtraColumns;
use millrace::{Config, Input, Recall, Sinks, Threads};

use super::Findings;
use crate::histories::{Dice, History};

/// How the engine gets an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Feed {
    Bytes,
    /// A stream that gives at most this many bytes at a time.
    Stream(usize),
    Gzip,
    File,
}

/// All of a run that must not change its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Way {
    pub(crate) workers: usize,
    pub(crate) readers: usize,
    pub(crate) batch_rows: usize,
    pub(crate) queue_batches: usize,
    /// 0 is the usual size.
    pub(crate) block_bytes: usize,
    pub(crate) io: Io,
    pub(crate) threads: bool,
    pub(crate) recall: Recall,
    pub(crate) feed: Feed,
    /// Whether refused rows are reported; where they are not, batches hold rows of several blocks.
    pub(crate) reporting: bool,
}

impl Way {
    pub(crate) const SIMPLEST: Self = Self {
        workers: 1,
        readers: 1,
        batch_rows: Config::BATCH_ROWS,
        queue_batches: Config::QUEUE_BATCHES,
        block_bytes: 0,
        io: Io::Map,
        threads: false,
        recall: Recall::Named,
        feed: Feed::Bytes,
        reporting: true,
    };

    pub(super) fn draw(dice: &mut Dice) -> Self {
        Self {
            workers: dice.pick(&[1, 1, 2, 2, 3, 3, 7, 8, 16]),
            readers: dice.pick(&[1, 2, 2, 4, 8]),
            batch_rows: dice.pick(&[1, 2, 3, Config::BATCH_ROWS]),
            queue_batches: dice.pick(&[1, 2, Config::QUEUE_BATCHES]),
            block_bytes: dice.pick(&[1, 2, 17, 64, 0, 0]),
            io: dice.pick(&[Io::Map, Io::Read]),
            threads: dice.one_in(25),
            recall: dice.pick(&[Recall::Named, Recall::All]),
            feed: match dice.below(50) {
                0 => Feed::File,
                1 => Feed::Gzip,
                2..12 => Feed::Stream(dice.pick(&[1, 2, 100])),
                _ => Feed::Bytes,
            },
            reporting: !dice.one_in(4),
        }
    }

    fn config(&self, history: &History) -> Config {
        let extra = history.flags.ignore_extra_columns;
        Config {
            rules: history.rules,
            extra_columns: if extra { ExtraColumns::Ignore } else { ExtraColumns::Refuse },
            strict: history.flags.strict,
            workers: NonZeroUsize::new(self.workers),
            readers: NonZeroUsize::new(self.readers),
            batch_rows: self.batch_rows,
            queue_batches: self.queue_batches,
            block_bytes: NonZeroUsize::new(self.block_bytes),
            io: self.io,
            threads: if self.threads { Threads::Always } else { Threads::Never },
            recall: self.recall,
            ..Config::default()
        }
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
    pub(crate) fn run(&self, history: &History, folder: &Path) -> Result<Findings, String> {
        let run = AssertUnwindSafe(|| self.run_unguarded(history, folder));
        catch_unwind(run).unwrap_or_else(|_| Err("panicked".to_owned()))
    }

    fn run_unguarded(&self, history: &History, folder: &Path) -> Result<Findings, String> {
        let (config, count) = (self.config(history), history.inputs.len());
        let (opened, labels) = self.inputs(&history.inputs, folder);
        let mut refused = Vec::new();
        let mut writer = RejectsWriter::new(Vec::new(), count > 1);
        let mut sink = |row: &RejectedRow<'_>| {
            let input = labels.iter().position(|label| label == row.input);
            let input = input.ok_or_else(|| io::Error::other("a reject of no input"))?;
            refused.push((input, row.line, row.reason));
            writer.write(row)
        };
        let sinks =
            if self.reporting { Sinks { rejects: Some(&mut sink) } } else { Sinks::default() };
        let report = millrace::run(&config, opened, sinks).map_err(|error| error.to_string())?;
        let rejects = writer.finish().expect("memory");
        let rejects = String::from_utf8(rejects).expect("ASCII");
        let mut balances = Vec::new();
        balances::write(&mut balances, &report.accounts, config.closing_threads()).expect("memory");
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
            rejects: (count == 1 && self.reporting).then_some(rejects),
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
