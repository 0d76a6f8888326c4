//! The tests tested: bugs planted in the engine, one at a time, and the comparison with the model
//! finds each of them within a few random histories.
//!
//! Runs only where the faults are built in (`src/planted.rs`):
//! `RUSTFLAGS="--cfg planted" cargo test --target-dir target/planted --test planted -- --nocapture`.
#![cfg(planted)]

mod compare;
mod histories;
mod model;

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use millrace::{Fault, plant};

use compare::{Way, compare};

/// Within so many histories a fault must be found; the gate runs ten times as many.
const MOST_HISTORIES: u64 = 10_000;
/// Without a fault so many histories must show none.
const SOUND_HISTORIES: u64 = 1_000;
const THREADS: u64 = 2;

/// A history that shows a fault.
struct Found {
    seed: u64,
    /// What noticed it.
    witness: &'static str,
}

/// Looks for the first history below `end` on which engine and model differ.
fn first_difference(end: u64) -> Option<Found> {
    let end = AtomicU64::new(end);
    thread::scope(|scope| {
        let search = |first: u64| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let seeds = (first..).step_by(THREADS.try_into().expect("two"));
            for seed in seeds.take_while(|&seed| seed < end.load(Ordering::Relaxed)) {
                if let Err(difference) = compare(seed, Way::run, folder.path()) {
                    end.fetch_min(seed, Ordering::Relaxed);
                    return Some(Found { seed, witness: witness(&difference.to_string()) });
                }
            }
            None
        };
        let threads: Vec<_> = (0..THREADS).map(|it| scope.spawn(move || search(it))).collect();
        let found = threads.into_iter().filter_map(|it| it.join().expect("a search"));
        found.min_by_key(|found| found.seed)
    })
}

/// Tells from a difference what noticed the fault.
fn witness(difference: &str) -> &'static str {
    let (_, engine) = difference.rsplit_once("the engine has").expect("what the engine has");
    if engine.contains("broken invariant") {
        "invariant"
    } else if engine.contains("panicked") {
        "assertion"
    } else {
        "model"
    }
}

#[test]
fn every_planted_fault_is_found() {
    // Many faults end in a panic: no news here.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    println!("histories | noticed by | fault");
    for &fault in Fault::ALL {
        plant(Some(fault));
        let found = first_difference(MOST_HISTORIES);
        let (histories, witness) = match &found {
            Some(Found { seed, witness }) => ((seed + 1).to_string(), *witness),
            None => ("none".to_owned(), "nothing"),
        };
        println!("{histories:>9} | {witness:<10} | {fault:?}: {}", fault.what());
        if found.is_none() {
            missed.push(fault);
        }
    }
    plant(None);
    let unsound = first_difference(SOUND_HISTORIES);
    panic::set_hook(hook);
    println!("{} faults, {} missed", Fault::ALL.len(), missed.len());
    assert!(missed.is_empty(), "not found within {MOST_HISTORIES} histories: {missed:?}");
    let unsound = unsound.map(|found| found.seed);
    assert_eq!(unsound, None, "a history that shows a difference without a fault");
}
