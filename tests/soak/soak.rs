//! The engine against the reference model on any number of random histories:
//!
//! `cargo run --release --example soak -- --histories 1000000 --seed 0`
//!
//! Ends with 0 if they agree on all of them, and else with 1, after the smallest history that shows
//! the difference has been printed and written down as a golden sample. A seed stands for the same
//! history and the same ways to run it everywhere, however many threads there are.

#[path = "../compare/mod.rs"]
mod compare;
#[path = "../histories/mod.rs"]
mod histories;
#[path = "../model/mod.rs"]
mod model;
mod sample;
mod sweep;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;

use compare::Way;
use sweep::Sweep;

/// Compares the engine with the reference model on random histories.
#[derive(Parser)]
struct Args {
    /// How many histories
    #[arg(long, value_name = "N")]
    histories: u64,
    /// The seed of the first; each other has the next
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Threads, one a history [default: the cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Where the sample of a difference is put
    #[arg(long, value_name = "FOLDER", default_value = "target/soak")]
    samples: PathBuf,
}

fn main() -> io::Result<ExitCode> {
    let Args { histories, seed, threads, samples } = Args::parse();
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let sweep = Sweep {
        first_seed: seed,
        histories,
        threads: threads.unwrap_or_else(cores),
        samples,
        engine: Way::run,
    };
    let agree = sweep.run(&mut io::stdout().lock())?;
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
