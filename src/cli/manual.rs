//! `millrace completions` and `millrace man`, made from the arguments themselves.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;
use super::exit::{Exit, Failure};
use super::stdout;

/// Writes the completions of a shell to standard output.
pub(super) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "millrace", &mut script);
    write_out(&script)
}

/// Writes the manual page to standard output.
pub(super) fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page).map_err(|error| Failure::stdout(&error))?;
    write_out(&page)
}

fn write_out(bytes: &[u8]) -> Result<Exit, Failure> {
    let written = stdout().and_then(|mut stdout| stdout.write_all(bytes));
    written.map_err(|error| Failure::stdout(&error))?;
    Ok(Exit::Done)
}
