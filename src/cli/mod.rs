//! The command-line layer: arguments in, exit code out; the only part that prints.
//!
//! Standard output carries balances or generated data and nothing else; everything said to people
//! goes to standard error, and a standard error that is closed or full changes no result.

mod args;
mod diff;
mod evidence;
mod exit;
mod explain;
mod generate;
mod ledger;
mod log;
mod manual;
mod paths;
mod progress;
mod signals;
mod verify;

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;

use args::{Cli, Command};
pub(crate) use exit::{Exit, Failure};

/// Runs the program with the arguments of the process.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse_from(env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    guard(|| dispatch(&cli))
}

/// Prints what clap has to say: help and version on standard output, complaints on standard error.
fn usage(error: &clap::Error) -> Exit {
    let printed = error.print();
    if error.use_stderr() {
        return Exit::Usage;
    }
    printed.map_or_else(|error| Failure::stdout(&error).report(), |()| Exit::Done)
}

fn dispatch(cli: &Cli) -> Result<Exit, Failure> {
    signals::outlive_file_size_limit()?;
    match &cli.command {
        None => ledger::run(&cli.ledger),
        Some(Command::Explain(args)) => explain::run(args),
        Some(Command::Generate(args)) => generate::run(args),
        Some(Command::Diff(args)) => diff::run(args),
        Some(Command::Verify(args)) => verify::run(args),
        Some(Command::Root { file }) => verify::root(file),
        Some(Command::Completions { shell }) => manual::completions(*shell),
        Some(Command::Man) => manual::man(),
    }
}

/// Turns failures into a message and an exit code, and a panic, which has already said where it
/// came from, into the exit code of a bug.
fn guard(body: impl FnOnce() -> Result<Exit, Failure>) -> Exit {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => failure.report(),
        Err(_panic) => Failure::new(
            Exit::Bug,
            "internal error; no output was written. This is a bug in millrace: please report it \
             with the message above",
        )
        .report(),
    }
}

/// Opens standard output as a file of its own: what std calls by that name takes a descriptor that
/// cannot be written to for one that nobody reads, and reports nothing.
fn stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Says something to people. Standard error that is closed or full changes no result.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::num::NonZeroUsize;

    use millrace::{Config, Input, Recall, Sinks, Threads};

    use super::*;

    #[test]
    fn a_panic_ends_as_the_exit_code_of_a_bug() {
        assert_eq!(guard(|| panic!("told to")), Exit::Bug);
        assert_eq!(guard(|| Err(Failure::new(Exit::Io, "full"))), Exit::Io);
        assert_eq!(guard(|| Ok(Exit::Findings)), Exit::Findings);
    }

    #[test]
    fn a_panic_of_a_thread_that_reads_ends_as_the_exit_code_of_a_bug() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("told to")
            }
        }
        for readers in [1, 2, 4] {
            let config = Config {
                readers: NonZeroUsize::new(readers),
                threads: Threads::Always,
                recall: Recall::All,
                ..Config::default()
            };
            let bytes = &b"type,client,tx,amount\ndeposit,1,1,1\n"[..];
            let inputs = vec![Input::reader("it", bytes.chain(Panics))];
            let run = || {
                millrace::run(&config, inputs, Sinks::default())?;
                Ok(Exit::Done)
            };
            assert_eq!(guard(run), Exit::Bug, "{readers} readers");
        }
    }
}
