//! The arguments of the program.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use millrace::input::Io;
use millrace::output::Format;
use millrace::parser::ExtraColumns;
use millrace::pipeline::Pin;
use millrace::printable::Printable;
use millrace::rules::Rules;
use millrace::{Config, LeftOut, Recall, Threads};

use super::diff::DiffArgs;
use super::explain::ExplainArgs;
use super::generate::GenerateArgs;
use super::verify::VerifyArgs;
use super::{Exit, Failure};

/// Turns files of transactions into exact account balances and accounts for every row.
///
/// Reads CSV files with the columns type, client, tx and amount (plain, gzip or zstd), applies
/// deposits, withdrawals, disputes, resolves and chargebacks in order, and writes one line per
/// client to standard output: client,available,held,total,locked.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done; 1 done, with findings under --strict, of diff or of verify, or \
        explain found no row; 2 usage; 65 not a transactions CSV (balances CSV, manifest) or not \
        the rows expected; 66 input missing or unreadable; 70 bug; 73 \
        output cannot be created; 74 I/O error or input changed while it was read; 130/143 \
        interrupted; 141 standard output closed.\n\nA file with the name of a command is given \
        as ./NAME."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows why a balance is what it is: every row of a client, or of a transaction.
    Explain(ExplainArgs),
    /// Writes test data: the same arguments give the same bytes on every machine.
    Generate(GenerateArgs),
    /// Tells in what two balances files differ, or two rule profiles on the same inputs.
    Diff(DiffArgs),
    /// Holds a manifest against its inputs, run again, and its outputs: exit code 1 if anything
    /// differs.
    Verify(VerifyArgs),
    /// Writes the state root of a balances file: one value for all accounts.
    Root {
        /// The balances, `-` for standard input.
        file: PathBuf,
    },
    /// Writes the completions of a shell to standard output.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Writes the manual page to standard output.
    Man,
}

/// The arguments of the main command.
#[derive(Args, Debug)]
pub(super) struct LedgerArgs {
    /// The inputs, read in this order as one stream; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,

    /// Write the balances to FILE instead of standard output (`-`); it appears whole or not at
    /// all.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write every row that was not applied to FILE, with its line and reason.
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,

    /// Write a manifest to FILE: digests of inputs and outputs, control totals and the state root,
    /// as JSON, for `millrace verify`.
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,

    /// Write a report to FILE: one page of HTML, whole by itself, with the control totals and what
    /// stands out.
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reading: ReadingArgs,

    /// Fail, with nothing written, unless the inputs have N data rows together.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    expect_rows: Option<u64>,

    /// Read the last input only up to this line, the header being line 1: the balances as of a row.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..), help_heading = "What if")]
    until: Option<u64>,

    /// Leave out every row of this client, before any rule; may be repeated.
    #[arg(long, value_name = "CLIENT", help_heading = "What if")]
    without_client: Vec<u64>,

    /// Leave out every row with this transaction id, disputes of it included, before any rule; may
    /// be repeated.
    #[arg(long, value_name = "ID", help_heading = "What if")]
    without_tx: Vec<u64>,

    /// Worker threads, each with a share of the clients [default: cores - 1, at least 1].
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Running")]
    workers: Option<NonZeroUsize>,

    /// Threads that parse the inputs; with several, one more takes their rows in order [default: a
    /// quarter of the cores, 2 to 8].
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Running")]
    readers: Option<NonZeroUsize>,

    /// Whether threads are pinned to cores; auto: if each can have its own and one is left over.
    #[arg(long, value_enum, default_value_t, help_heading = "Running", display_order = 101)]
    pin: PinArg,

    /// Which transactions are remembered for disputes: those that the inputs name, found by a
    /// pass beforehand, or all, in one pass and with more memory.
    #[arg(long, value_enum, default_value_t, help_heading = "Running", display_order = 103)]
    recall: RecallArg,

    /// Rows handed to a worker at a time.
    #[arg(long, value_name = "N", default_value_t = Config::BATCH_ROWS, value_parser = at_least_one, help_heading = "Running", hide = true)]
    batch_rows: usize,

    #[command(flatten)]
    pub(super) messages: MessageArgs,

    /// How the closing summary is written to standard error.
    #[arg(long, value_enum, default_value_t, help_heading = "Messages")]
    pub(super) summary: SummaryArg,
}

/// How inputs are read and what their rows do: arguments of every command that applies rows.
///
/// What stands below a command's own arguments has a place in the help of its own.
#[derive(Args, Debug)]
pub(super) struct ReadingArgs {
    /// The rule profile: default, event-sourced, conservative, or a TOML file.
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "default", help_heading = "Rules")]
    rules: PathBuf,

    /// Change one rule of the profile; may be repeated. Keys: locked, overdrawn-dispute,
    /// redispute, tx-ids, max-client, max-tx.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Rules")]
    rule: Vec<String>,

    /// End with exit code 1 if any row was not applied, and refuse a last row without a newline.
    #[arg(long, help_heading = "Rules")]
    pub(super) strict: bool,

    /// Skip columns other than type, client, tx and amount.
    #[arg(long, help_heading = "Rules", display_order = 100)]
    ignore_extra_columns: bool,

    /// The most bytes that a compressed input may decompress to.
    #[arg(long, value_name = "N", default_value_t = Config::MAX_INPUT_BYTES, help_heading = "Rules", display_order = 101)]
    max_input_bytes: u64,

    /// Whether there are threads at all; without them one core does everything in turn.
    #[arg(long, value_enum, default_value_t, help_heading = "Running", display_order = 100)]
    threads: ThreadsArg,

    /// How files are read: mapped into memory, or read at positions (a little slower; safe
    /// against files that are truncated meanwhile).
    #[arg(long, value_enum, default_value_t, help_heading = "Running", display_order = 102)]
    io: IoArg,

    /// Bytes parsed at a time.
    #[arg(long, value_name = "N", help_heading = "Running", hide = true)]
    block_bytes: Option<NonZeroUsize>,
}

/// What is said on the way: arguments of every command that applies rows.
#[derive(Args, Debug)]
pub(super) struct MessageArgs {
    /// Say nothing but errors.
    #[arg(short, long, help_heading = "Messages")]
    pub(super) quiet: bool,

    /// Log what is done; twice for more.
    #[arg(short, long, action = ArgAction::Count, help_heading = "Messages", display_order = 100)]
    pub(super) verbose: u8,

    /// How log lines are written.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Messages",
        display_order = 101
    )]
    pub(super) log_format: LogFormat,
}

/// Declares an argument with a fixed set of values, and what they stand for.
macro_rules! choice {
    ($name:ident => $target:ty { $($(#[$meta:meta])* $variant:ident => $value:expr,)+ }) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
        pub(super) enum $name { $($(#[$meta])* $variant,)+ }

        impl From<$name> for $target {
            fn from(choice: $name) -> Self {
                match choice { $($name::$variant => $value,)+ }
            }
        }
    };
}

choice!(ThreadsArg => Threads {
    #[default]
    Auto => Self::Auto,
    Always => Self::Always,
    Never => Self::Never,
});
choice!(PinArg => Pin {
    #[default]
    Auto => Self::Auto,
    Always => Self::Always,
    Never => Self::Never,
});
choice!(IoArg => Io {
    #[default]
    Map => Self::Map,
    Read => Self::Read,
});
choice!(FormatArg => Format {
    /// For people: a table, or a line for each finding.
    #[default]
    Text => Self::Text,
    /// A header, and a record for each row or finding.
    Csv => Self::Csv,
    /// One object.
    Json => Self::Json,
});
choice!(RecallArg => Recall {
    #[default]
    Named => Self::Named,
    All => Self::All,
});

/// How the closing summary is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum SummaryArg {
    /// For people.
    #[default]
    Text,
    /// One line of JSON.
    Json,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// More threads than any machine has cores only take memory.
const MOST_THREADS: usize = 1024;

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST_THREADS);
    threads.ok_or_else(|| format!("a number from 1 to {MOST_THREADS} is needed"))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number >= 1);
    number.ok_or_else(|| "a number from 1 is needed".to_owned())
}

impl LedgerArgs {
    /// The inputs; `None` is standard input.
    pub(super) fn inputs(&self) -> impl Iterator<Item = Option<&Path>> + Clone {
        self.inputs.iter().map(|path| Some(path.as_path()).filter(|path| *path != Path::new("-")))
    }

    /// The file for the balances; `None` is standard output.
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Tells whether something is left behind that states digests and control totals.
    fn leaves_evidence(&self) -> bool {
        self.manifest.is_some() || self.report.is_some()
    }

    /// Gives how the run is to be set up.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        Ok(Config {
            expect_rows: self.expect_rows,
            left_out: LeftOut {
                clients: self.without_client.iter().copied().collect(),
                txs: self.without_tx.iter().copied().collect(),
            },
            until_line: self.until,
            control_totals: self.leaves_evidence(),
            digests: self.leaves_evidence(),
            workers: self.workers,
            readers: self.readers,
            batch_rows: self.batch_rows,
            pin: self.pin.into(),
            recall: self.recall.into(),
            ..self.reading.config()?
        })
    }
}

impl ReadingArgs {
    /// The file that the rules come from, if they do.
    pub(super) fn rules_file(&self) -> Option<&Path> {
        let is_profile = self.rules.to_str().is_some_and(|name| Rules::named(name).is_some());
        (!is_profile).then_some(self.rules.as_path())
    }

    /// Gives how inputs are to be read and applied.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let extra =
            if self.ignore_extra_columns { ExtraColumns::Ignore } else { ExtraColumns::Refuse };
        Ok(Config {
            rules: self.rules()?,
            extra_columns: extra,
            strict: self.strict,
            block_bytes: self.block_bytes,
            io: self.io.into(),
            threads: self.threads.into(),
            max_input_bytes: self.max_input_bytes,
            ..Config::default()
        })
    }

    /// Gives the rules: a profile by name or from a file, with the single rules changed.
    fn rules(&self) -> Result<Rules, Failure> {
        let mut rules = profile(&self.rules)?;
        for rule in &self.rule {
            let usage = |message| Failure::new(Exit::Usage, format!("--rule {rule}: {message}"));
            let (key, value) = rule.split_once('=').ok_or_else(|| {
                usage("it is given as KEY=VALUE, such as max-client=65535".into())
            })?;
            rules.set(key.trim(), value.trim()).map_err(|error| usage(error.to_string()))?;
        }
        Ok(rules)
    }
}

/// Gives the rule profile of a name, or from a file.
pub(super) fn profile(rules: &Path) -> Result<Rules, Failure> {
    rules.to_str().and_then(Rules::named).map_or_else(|| read_rules(rules), Ok)
}

/// Reads a rule profile from a file.
fn read_rules(path: &Path) -> Result<Rules, Failure> {
    let shown = Printable::path(path);
    let text = std::fs::read_to_string(path).map_err(|error| {
        let profiles = Rules::PROFILES.join(", ");
        let message =
            format!("{shown}: cannot be read as a rule file: {error}; the profiles are {profiles}");
        Failure::new(Exit::NoInput, message)
    })?;
    Rules::from_toml(&text).map_err(|error| Failure::new(Exit::Usage, format!("{shown}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let cli = Cli::try_parse_from(["millrace", "a.csv", "-"]).unwrap();
        let config = cli.ledger.config().unwrap();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        let inputs: Vec<_> = cli.ledger.inputs().collect();
        assert_eq!(inputs, [Some(Path::new("a.csv")), None]);
    }
}
