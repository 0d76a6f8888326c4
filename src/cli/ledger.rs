//! The main command: inputs to balances.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::output::{OutputFile, WriteError, balances, persist_all, same_file};
use millrace::printable::Printable;
use millrace::{Config, Input, Report, RunError, Sinks};

use super::args::{LedgerArgs, SummaryArg};
use super::exit::{Exit, Failure};
use super::{log, progress, say, signals, stdout};

/// Reads the inputs and writes the balances.
pub(super) fn run(args: &LedgerArgs) -> Result<Exit, Failure> {
    log::start(args.verbose, args.log_format);
    check_paths(args)?;
    let config = args.config()?;
    let signals = signals::watch(&config.interrupt, config.io)?;
    let mut output = args.output().map(OutputFile::create).transpose()?;
    let rejects = args.rejects.as_deref().map(OutputFile::create).transpose()?;
    let several = args.inputs().count() > 1;
    let mut rejects = rejects.map(|file| RejectsWriter::new(file, several));
    let report = {
        let _bar = progress::show(&config.progress, args.quiet);
        settle(args, &config, rejects.as_mut())
    };
    let report = match report {
        Err(RunError::Interrupted) => return Err(signals.failure()),
        Err(RunError::Rejects(error)) => return Err(rejects_failure(args, error)),
        other => other?,
    };
    write_balances(&report, config.closing_threads(), output.as_mut())?;
    let rejects = rejects.map(RejectsWriter::finish).transpose();
    let rejects = rejects.map_err(|error| rejects_failure(args, error))?;
    signals.commit();
    persist_all(output.into_iter().chain(rejects).collect())?;
    if !args.quiet {
        say(&match args.summary {
            SummaryArg::Text => report.summary.to_string(),
            SummaryArg::Json => report.summary.to_json() + "\n",
        });
    }
    let refused = report.summary.refused.rejected() + report.summary.refused.malformed();
    Ok(if args.strict && refused > 0 { Exit::Findings } else { Exit::Done })
}

/// Runs the engine.
fn settle(
    args: &LedgerArgs,
    config: &Config,
    rejects: Option<&mut RejectsWriter<OutputFile>>,
) -> Result<Report, RunError> {
    let inputs = args.inputs().map(|path| path.map_or_else(Input::stdin, Input::path)).collect();
    match rejects {
        None => millrace::run(config, inputs, Sinks::default()),
        Some(writer) => {
            let mut sink = |row: &RejectedRow<'_>| writer.write(row);
            millrace::run(config, inputs, Sinks { rejects: Some(&mut sink) })
        }
    }
}

/// Writes the balances to the output file, or to standard output.
fn write_balances(
    report: &Report,
    threads: NonZeroUsize,
    output: Option<&mut OutputFile>,
) -> Result<(), Failure> {
    if let Some(file) = output {
        let path = file.path().to_owned();
        return balances::write(file, &report.accounts, threads)
            .map_err(|error| WriteError::write(&path, error).into());
    }
    stdout()
        .and_then(|mut stdout| balances::write(&mut stdout, &report.accounts, threads))
        .map_err(|error| Failure::stdout(&error))
}

fn rejects_failure(args: &LedgerArgs, error: io::Error) -> Failure {
    WriteError::write(args.rejects.as_deref().unwrap_or(Path::new("-")), error).into()
}

/// Refuses paths that would make the run read what it writes, or write one file twice.
fn check_paths(args: &LedgerArgs) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::new(Exit::Usage, message));
    if args.inputs().filter(Option::is_none).count() > 1 {
        return usage("`-` is given twice; standard input can be read once".to_owned());
    }
    if args.rejects.as_deref() == Some(Path::new("-")) {
        return usage("--rejects needs a file; standard output is for balances".to_owned());
    }
    let outputs: Vec<&Path> = args.output().into_iter().chain(args.rejects.as_deref()).collect();
    if let [output, rejects] = outputs[..]
        && same_file(output, rejects)
    {
        return usage(format!("{}: is both --output and --rejects", Printable::path(output)));
    }
    let rules = args.rules_file();
    for output in outputs {
        for input in args.inputs().chain(rules.map(Some)) {
            if same_file(input.unwrap_or(Path::new("/dev/stdin")), output) {
                let shown = Printable::path(output);
                return usage(format!("{shown}: is an input; the output would replace it"));
            }
        }
    }
    Ok(())
}
