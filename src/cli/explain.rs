//! `millrace explain`: its arguments, and the statement that they ask for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use millrace::explain::{self, Statement, Subject};
use millrace::output::Format;
use millrace::output::statement;
use millrace::output::{OutputFile, WriteError};
use millrace::printable::Printable;
use millrace::{Config, Input, RunError};

use super::args::{FormatArg, MessageArgs, ReadingArgs};
use super::exit::{Exit, Failure};
use super::{log, paths, progress, say, signals, stdout};

/// Shows why a balance is what it is: every row of a client, or of a transaction.
///
/// Each row stands with its file and line, its outcome and what the account held after it;
/// disputes, resolves and chargebacks name the row that they refer to. With --tx, it is every row
/// with that transaction id, of any client. The last balances are those of the main command.
#[derive(Args, Debug)]
#[command(
    override_usage = "millrace explain [OPTIONS] CLIENT FILE...\n       \
                      millrace explain [OPTIONS] --tx ID FILE...",
    after_help = "Exit codes: those of millrace; 1 also if no row names the client or the \
        transaction. Under --strict, 1 if any row shown was not applied."
)]
pub(super) struct ExplainArgs {
    /// The client, unless --tx is given; then the inputs, read in this order as one stream; `-` is
    /// standard input.
    #[arg(required = true, value_name = "CLIENT|FILE")]
    given: Vec<OsString>,

    /// Explain the transaction ID: every row that carries it, of any client.
    #[arg(long, value_name = "ID")]
    tx: Option<u64>,

    /// Stop after line LINE of the last input, counted from 1: the balance as of that row.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..))]
    until: Option<u64>,

    /// How the statement is written; amounts and ids are strings in JSON.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: FormatArg,

    /// Write the statement to FILE instead of standard output (`-`); it appears whole or not at
    /// all.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    messages: MessageArgs,
}

impl ExplainArgs {
    /// Gives what is to be explained, and by which inputs.
    fn subject(&self) -> Result<(Subject, &[OsString]), Failure> {
        if let Some(tx) = self.tx {
            return Ok((Subject::Tx(tx), &self.given));
        }
        let usage = |message: String| Failure::new(Exit::Usage, message);
        let (client, files) = self.given.split_first().expect("at least one is given");
        let is_id = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let id = client.to_str().filter(is_id).and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| {
            let shown = Printable::path(Path::new(client));
            usage(format!("{shown}: is no client; the id of one comes first, or --tx ID"))
        })?;
        if files.is_empty() {
            return Err(usage(format!("no input is given to explain client {id} by")));
        }
        Ok((Subject::Client(id), files))
    }

    /// The file for the statement; `None` is standard output.
    fn output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }
}

/// Reads the inputs and writes the statement.
pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    log::start(args.messages.verbose, args.messages.log_format);
    let (subject, files) = args.subject()?;
    let inputs = files.iter().map(|file| Some(Path::new(file)).filter(|it| *it != Path::new("-")));
    let outputs: Vec<&Path> = args.output().into_iter().collect();
    paths::check(&inputs, args.reading.rules_file(), &outputs)?;
    let config = Config { until_line: args.until, ..args.reading.config()? };
    let signals = signals::watch(&config.interrupt, config.io)?;
    let mut output = args.output().map(OutputFile::create).transpose()?;
    let inputs = inputs.map(|path| path.map_or_else(Input::stdin, Input::path)).collect();
    let statement = {
        let _bar = progress::show(&config.progress, args.messages.quiet);
        explain(&config, inputs, subject)
    };
    let statement = match statement {
        Err(RunError::Interrupted) => return Err(signals.failure()),
        other => other?,
    };
    write(&statement, args.format.into(), output.as_mut())?;
    signals.commit();
    if let Some(file) = output {
        file.persist()?;
    }
    if statement.entries.is_empty() {
        say(&format!("millrace: {}\n", nothing_found(subject, args.until)));
        return Ok(Exit::Findings);
    }
    let has_findings = args.reading.strict && statement.refused_rows() > 0;
    Ok(if has_findings { Exit::Findings } else { Exit::Done })
}

fn explain(config: &Config, inputs: Vec<Input>, subject: Subject) -> Result<Statement, RunError> {
    match subject {
        Subject::Client(client) => explain::client(config, inputs, client),
        Subject::Tx(tx) => explain::tx(config, inputs, tx),
    }
}

/// Writes the statement to the output file, or to standard output.
fn write(
    statement: &Statement,
    format: Format,
    output: Option<&mut OutputFile>,
) -> Result<(), Failure> {
    if let Some(file) = output {
        let path = file.path().to_owned();
        return statement::write(file, statement, format)
            .map_err(|error| WriteError::write(&path, error).into());
    }
    stdout()
        .and_then(|mut stdout| statement::write(&mut stdout, statement, format))
        .map_err(|error| Failure::stdout(&error))
}

fn nothing_found(subject: Subject, until: Option<u64>) -> String {
    let until = until.map_or_else(String::new, |line| format!(" until line {line} of the last"));
    match subject {
        Subject::Client(client) => format!("no row of the inputs{until} names client {client}"),
        Subject::Tx(tx) => format!("no row of the inputs{until} has the transaction id {tx}"),
    }
}
