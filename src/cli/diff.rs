//! `millrace diff`: two balances files, or one set of inputs under two rule profiles.

use std::path::{Path, PathBuf};

use clap::Args;

use millrace::balances_file::{BalancesError, BalancesReader};
use millrace::diff::{self, DiffError, Findings, Listed};
use millrace::output::{Format, OutputFile, WriteError, same_file};
use millrace::parser::ExtraColumns;
use millrace::printable::Printable;
use millrace::{Config, RunError};

use super::args::{FormatArg, profile};
use super::exit::{Exit, Failure};
use super::{progress, say, signals, stdout};

/// Rows and accounts that the text of `--runs` lists, unless it is told otherwise.
const RUNS_LIMIT: u64 = 20;

/// Tells in what two balances files differ, or two rule profiles on the same inputs.
///
/// millrace diff A B: the clients that only one file has, and those whose balances differ, with B -
/// A. The columns client, available, held, total and locked are found by name; compared are those
/// that both files have, as exact decimals; further columns are skipped. The order of rows does not
/// matter. `-` is standard input.
///
/// millrace diff --runs FILE... --rules X --rules Y: the rows that are decided differently, in input
/// order, and what comes of it for each client.
///
/// Exit code 0: no difference; 1: differences. The findings go to standard output, their summary to
/// standard error.
#[derive(Args, Clone, Debug)]
pub(super) struct DiffArgs {
    /// Two balances files, `-` for standard input; with --runs, files of transactions.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Run the files under two rule profiles and compare what becomes of every row.
    #[arg(long)]
    runs: bool,

    /// A rule profile for --runs: default, event-sourced, conservative, or a TOML file; given twice.
    #[arg(long, value_name = "NAME|FILE.toml", requires = "runs")]
    rules: Vec<PathBuf>,

    /// Skip columns other than type, client, tx and amount, with --runs.
    #[arg(long, requires = "runs")]
    ignore_extra_columns: bool,

    /// How the findings are written.
    #[arg(long, value_enum, default_value_t)]
    format: FormatArg,

    /// List at most N rows and N accounts; all are counted [default: all; 20 in the text of --runs].
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Write the findings to FILE instead of standard output (`-`); it appears whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Leave out the summary.
    #[arg(short, long)]
    quiet: bool,
}

impl DiffArgs {
    fn output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    fn listed(&self) -> Listed {
        let format = self.format.into();
        let limit = self.limit.or((self.runs && format == Format::Text).then_some(RUNS_LIMIT));
        Listed { format, limit }
    }
}

/// Compares, and writes what differs.
pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    check_paths(args)?;
    if args.runs { compare_runs(args) } else { compare_files(args) }
}

fn compare_files(args: &DiffArgs) -> Result<Exit, Failure> {
    let [a, b] = args.files.as_slice() else {
        return usage("two balances files are needed; with --runs, files of transactions");
    };
    if [a, b].iter().all(|path| is_stdin(path)) {
        return usage("`-` is given twice; standard input can be read once");
    }
    let output = args.output().map(OutputFile::create).transpose()?;
    let open = |path: &Path| {
        if is_stdin(path) { BalancesReader::stdin() } else { BalancesReader::open(path) }
    };
    let a = open(a).map_err(DiffError::from)?;
    let b = open(b).map_err(DiffError::from)?;
    let (findings, tally) = diff::balances(a, b, args.listed())?;
    write(args, findings, output, || {})?;
    if !args.quiet {
        say(&tally.to_string());
    }
    Ok(if tally.is_equal() { Exit::Done } else { Exit::Findings })
}

fn compare_runs(args: &DiffArgs) -> Result<Exit, Failure> {
    let [a, b] = args.rules.as_slice() else {
        return usage("--runs needs --rules twice, once for each side");
    };
    let names = [a, b].map(|path| Printable::path(path).to_string());
    let extra = if args.ignore_extra_columns { ExtraColumns::Ignore } else { ExtraColumns::Refuse };
    let config_a = Config { rules: profile(a)?, extra_columns: extra, ..Config::default() };
    let config_b = Config {
        rules: profile(b)?,
        // Both are asked to stop at once.
        interrupt: config_a.interrupt.clone(),
        progress: millrace::Progress::default(),
        ..config_a.clone()
    };
    let signals = signals::watch(&config_a.interrupt, config_a.io)?;
    let output = args.output().map(OutputFile::create).transpose()?;
    let compared = {
        let _bar = progress::show(&config_b.progress, args.quiet);
        diff::runs([&config_a, &config_b], &args.files, &names, args.listed())
    };
    let (findings, tally) = match compared {
        Err(DiffError::Run(RunError::Interrupted)) => return Err(signals.failure()),
        other => other?,
    };
    write(args, findings, output, || signals.commit())?;
    if !args.quiet {
        say(&tally.to_string());
    }
    Ok(if tally.is_equal() { Exit::Done } else { Exit::Findings })
}

/// Writes the findings to the output file, or to standard output.
fn write(
    args: &DiffArgs,
    findings: Findings,
    output: Option<OutputFile>,
    commit: impl FnOnce(),
) -> Result<(), Failure> {
    let (Some(path), Some(mut file)) = (args.output(), output) else {
        let written = stdout().and_then(|mut stdout| findings.write_to(&mut stdout));
        return written.map_err(|error| Failure::stdout(&error));
    };
    findings.write_to(&mut file).map_err(|error| WriteError::write(path, error))?;
    commit();
    Ok(file.persist()?)
}

/// Refuses paths that would make it read what it writes, or read a pipe twice.
fn check_paths(args: &DiffArgs) -> Result<(), Failure> {
    for path in args.files.iter().filter(|_| args.runs) {
        let is_stream = path.metadata().is_ok_and(|it| !it.is_file() && !it.is_dir());
        if is_stdin(path) || is_stream {
            let shown = Printable::path(path);
            return usage(format!("{shown}: --runs reads its inputs twice; name files"));
        }
    }
    let Some(output) = args.output() else { return Ok(()) };
    for input in args.files.iter().chain(&args.rules) {
        let input = if is_stdin(input) { Path::new("/dev/stdin") } else { input };
        if same_file(input, output) {
            let shown = Printable::path(output);
            return usage(format!("{shown}: is an input; the output would replace it"));
        }
    }
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn usage<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(Exit::Usage, message))
}

impl From<DiffError> for Failure {
    fn from(error: DiffError) -> Self {
        let exit = match error {
            DiffError::Balances(BalancesError::Input(error)) => {
                return RunError::from(error).into();
            }
            DiffError::Run(error) => return error.into(),
            DiffError::Balances(BalancesError::Format { .. })
            | DiffError::NothingInCommon { .. }
            | DiffError::TooLarge => Exit::Data,
            DiffError::Replaced | DiffError::Keep(_) | DiffError::Threads(_) => Exit::Io,
        };
        Self::new(exit, error.to_string())
    }
}
