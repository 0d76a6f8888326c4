//! The command-line tool: everything is in the library and in [`cli`].

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run().into()
}
