//! The main command: inputs to balances.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use millrace::digest::{DigestWriter, Digested};
use millrace::ledger::SortedAccounts;
use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::output::{OutputFile, WriteError, balances, persist_all, same_file};
use millrace::printable::Printable;
use millrace::report::Survey;
use millrace::state_root::StateRoot;
use millrace::{Config, Input, Report, RunError, Sinks};

use super::args::{LedgerArgs, SummaryArg};
use super::evidence::{self, Digests};
use super::exit::{Exit, Failure};
use super::progress::Watch;
use super::{log, paths, progress, say, signals, stdout};

type RejectsFile = RejectsWriter<DigestWriter<OutputFile>>;

/// Reads the inputs and writes the balances.
pub(super) fn run(args: &LedgerArgs) -> Result<Exit, Failure> {
    log::start(args.messages.verbose, args.messages.log_format);
    check_paths(args)?;
    let started = evidence::now();
    let config = args.config()?;
    let signals = signals::watch(&config.interrupt, config.io)?;
    let create =
        |path: &Path| OutputFile::create(path).map(|file| DigestWriter::new(file, config.digests));
    let output = args.output().map(create).transpose()?;
    let rejects = args.rejects.as_deref().map(create).transpose()?;
    let mut manifest = args.manifest.as_deref().map(OutputFile::create).transpose()?;
    let mut html = args.report.as_deref().map(OutputFile::create).transpose()?;
    let several = args.inputs().count() > 1;
    let mut rejects = rejects.map(|file| RejectsWriter::new(file, several));
    let pace = args.report.is_some().then(|| progress::note(&config.progress)).flatten();
    let report = {
        let _bar = progress::show(&config.progress, args.messages.quiet);
        settle(args, &config, rejects.as_mut())
    };
    let pace = pace.and_then(Watch::end).unwrap_or_default();
    let report = match report {
        Err(RunError::Interrupted) => return Err(signals.failure()),
        Err(RunError::Rejects(error)) => return Err(rejects_failure(args, error)),
        other => other?,
    };
    let (output, balances, findings) = write_balances(&report, &config, output, html.is_some())?;
    let rejects = rejects.map(RejectsWriter::finish).transpose();
    let rejects = rejects.map_err(|error| rejects_failure(args, error))?;
    let (rejects, rejects_digest) = rejects.map(DigestWriter::finish).unzip();
    if let (Some(balances), Some((root, survey))) = (balances, findings) {
        let digests = Digests { balances, rejects: rejects_digest.flatten() };
        let statement = evidence::manifest(args, &config, &report, &digests, root, started);
        if let Some(file) = &mut manifest {
            write_text(file, &statement.to_json())?;
        }
        if let Some(file) = &mut html {
            write_text(file, &millrace::report::page(&statement, &survey, &pace))?;
        }
    }
    signals.commit();
    persist_all(output.into_iter().chain(rejects).chain(manifest).chain(html).collect())?;
    if !args.messages.quiet {
        say(&match args.summary {
            SummaryArg::Text => report.summary.to_string(),
            SummaryArg::Json => report.summary.to_json() + "\n",
        });
    }
    let refused = report.summary.refused.rejected() + report.summary.refused.malformed();
    Ok(if args.reading.strict && refused > 0 { Exit::Findings } else { Exit::Done })
}

/// Runs the engine.
fn settle(
    args: &LedgerArgs,
    config: &Config,
    rejects: Option<&mut RejectsFile>,
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

/// What is left of an output once the balances are written.
type WrittenBalances = (Option<OutputFile>, Option<Digested>, Option<(StateRoot, Survey)>);

/// Writes the balances to the output file, or to standard output; computes the state root
/// meanwhile if the run leaves digests, and looks at what stands out if that `is_surveyed`.
fn write_balances(
    report: &Report,
    config: &Config,
    output: Option<DigestWriter<OutputFile>>,
    is_surveyed: bool,
) -> Result<WrittenBalances, Failure> {
    let (accounts, threads) = (&report.accounts, config.closing_threads());
    thread::scope(|scope| {
        let findings = || config.digests.then(|| find(accounts, is_surveyed));
        let spawn =
            || thread::Builder::new().name("findings".to_owned()).spawn_scoped(scope, findings);
        let beside = (config.digests && config.uses_threads()).then(spawn).transpose();
        let beside = beside.map_err(RunError::Threads)?;
        let (file, digested) = if let Some(mut writer) = output {
            let written = balances::write(&mut writer, accounts, threads);
            let (file, digested) = writer.finish();
            written.map_err(|error| WriteError::write(file.path(), error))?;
            (Some(file), digested)
        } else {
            let write = |stdout| {
                let mut writer = DigestWriter::new(stdout, config.digests);
                balances::write(&mut writer, accounts, threads)?;
                Ok(writer.finish().1)
            };
            (None, stdout().and_then(write).map_err(|error| Failure::stdout(&error))?)
        };
        let joined = beside.map(|thread| thread.join().unwrap_or_else(|it| resume_unwind(it)));
        Ok((file, digested, joined.unwrap_or_else(findings)))
    })
}

/// Computes the state root and, if it `is_surveyed`, what stands out: in one pass, which takes
/// longer to reach the accounts than to look at them.
fn find(accounts: &SortedAccounts, is_surveyed: bool) -> (StateRoot, Survey) {
    let (mut root, mut survey) = (StateRoot::builder(), Survey::default());
    accounts.visit_all(|client, account| {
        root.add(client, &account);
        if is_surveyed {
            survey.add(client, &account);
        }
    });
    (root.finish(), survey)
}

fn write_text(file: &mut OutputFile, text: &str) -> Result<(), WriteError> {
    let path = file.path().to_owned();
    file.write_all(text.as_bytes()).map_err(|error| WriteError::write(&path, error))
}

fn rejects_failure(args: &LedgerArgs, error: io::Error) -> Failure {
    WriteError::write(args.rejects.as_deref().unwrap_or(Path::new("-")), error).into()
}

/// Refuses paths that would make the run read what it writes, or write one file twice.
fn check_paths(args: &LedgerArgs) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::new(Exit::Usage, message));
    let files = [
        ("--rejects", args.rejects.as_deref()),
        ("--manifest", args.manifest.as_deref()),
        ("--report", args.report.as_deref()),
    ];
    for (name, path) in files {
        if path == Some(Path::new("-")) {
            return usage(format!("{name} needs a file; standard output is for balances"));
        }
    }
    let outputs: Vec<(&str, &Path)> = [("--output", args.output())]
        .into_iter()
        .chain(files)
        .filter_map(|(name, path)| Some((name, path?)))
        .collect();
    for (index, (name, path)) in outputs.iter().enumerate() {
        for (other, its_path) in &outputs[..index] {
            if same_file(path, its_path) {
                let shown = Printable::path(path);
                return usage(format!("{shown}: is both {other} and {name}"));
            }
        }
    }
    let outputs: Vec<&Path> = outputs.into_iter().map(|(_, path)| path).collect();
    paths::check(&args.inputs(), args.reading.rules_file(), &outputs)
}
