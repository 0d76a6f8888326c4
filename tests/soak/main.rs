//! The soak finds what is wrong: each test plants a fault in what the engine says, and reads what
//! comes out of the sweep. That it finds nothing where nothing is wrong would prove little.

#[path = "../compare/mod.rs"]
mod compare;
#[path = "../histories/mod.rs"]
mod histories;
#[path = "../model/mod.rs"]
mod model;
mod sample;
mod sweep;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use millrace::rules::{Permission, Rules};

use compare::{Difference, Engine, Findings, Way, compare};
use histories::History;
use sweep::Sweep;

/// Opens every locked account in what it says.
fn forgets_locks(way: &Way, history: &History, folder: &Path) -> Result<Findings, String> {
    let mut findings = way.run(history, folder)?;
    findings.balances = findings.balances.replace(",true\n", ",false\n");
    Ok(findings)
}

/// Loses a row that is not applied with several workers, where a resolved deposit is not disputed
/// again and the last row may be cut.
fn loses_rows(way: &Way, history: &History, folder: &Path) -> Result<Findings, String> {
    let mut findings = way.run(history, folder)?;
    let loses = history.rules.redispute == Permission::Reject && history.flags.strict;
    if loses && way.workers > 1 && way.threads {
        findings.refused.pop();
    }
    Ok(findings)
}

/// Panics where a later input has a row.
fn panics_on_later_inputs(way: &Way, history: &History, folder: &Path) -> Result<Findings, String> {
    let findings = way.run(history, folder)?;
    match findings.refused.iter().find(|&&(input, ..)| input > 0) {
        Some(_) => Err("panicked".to_owned()),
        None => Ok(findings),
    }
}

fn first_difference(engine: Engine) -> Box<Difference> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    (0..).find_map(|seed| compare(seed, engine, folder.path()).err()).expect("a difference")
}

/// Sweeps the first seeds; gives whether there was no difference, the report and the files.
fn sweep(engine: Engine, threads: usize) -> (bool, String, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let samples = folder.path().join("samples");
    let threads = NonZeroUsize::new(threads).expect("a thread");
    let sweep = Sweep { first_seed: 0, histories: 3000, threads, samples, engine };
    let mut report = Vec::new();
    let agree = sweep.run(&mut report).expect("room for samples");
    let written = fs::read_dir(&sweep.samples).into_iter().flatten().map(|entry| {
        let path = entry.expect("a sample").path();
        let name = path.file_name().and_then(OsStr::to_str).expect("ASCII").to_owned();
        (name, fs::read_to_string(path).expect("text"))
    });
    (agree, String::from_utf8(report).expect("text"), written.collect())
}

#[test]
fn a_sweep_of_the_engine_itself_finds_nothing_and_writes_nothing() {
    let (agree, report, files) = sweep(Way::run, 2);
    assert!(agree && files.is_empty());
    assert!(report.ends_with("3000 histories from seed 0 on: no difference\n"), "{report}");
}

#[test]
fn a_difference_ends_a_sweep_at_the_same_seed_and_sample_for_any_number_of_threads() {
    let lowest = first_difference(forgets_locks).seed;
    let expected = sweep(forgets_locks, 1).2;
    assert!(expected.contains_key(&format!("seed-{lowest}.csv")), "{expected:?}");
    for threads in [2, 7] {
        let (agree, report, files) = sweep(forgets_locks, threads);
        assert!(!agree && files == expected, "{files:?}");
        assert!(report.contains(&format!("seed {lowest}, ")), "{report}");
        assert!(report.contains("Copy these files into samples/"), "{report}");
    }
}

#[test]
fn a_lock_takes_three_rows_in_plain_spelling_under_the_default_rules() {
    let case = first_difference(forgets_locks).case;
    let [input] = &case.history.inputs[..] else { panic!("one input") };
    let lines: Vec<_> = std::str::from_utf8(input).unwrap().lines().collect();
    let [header, deposit, dispute, chargeback] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(header, "type,client,tx,amount");
    assert!(deposit.starts_with("deposit,") && dispute.starts_with("dispute,"), "{lines:?}");
    assert!(chargeback.starts_with("chargeback,"), "{lines:?}");
    assert_eq!(case.history.rules, Rules::default());
    assert_eq!(case.history.flags, model::Flags::default());
    assert_eq!(case.way, Way::SIMPLEST);
}

#[test]
fn what_a_difference_needs_stays_and_nothing_else() {
    let case = first_difference(loses_rows).case;
    assert_eq!(case.history.inputs.len(), 1);
    assert_eq!(case.history.inputs[0].lines().map_while(Result::ok).count(), 2, "{case:?}");
    let rules = Rules { redispute: Permission::Reject, ..Rules::default() };
    assert_eq!(case.history.rules, rules);
    assert_eq!(case.history.flags, model::Flags { strict: true, ..model::Flags::default() });
    assert!(case.way.workers > 1);
    let way = Way { workers: case.way.workers, threads: true, ..Way::SIMPLEST };
    assert_eq!(case.way, way);
}

#[test]
fn a_difference_that_takes_several_inputs_is_printed_without_a_sample() {
    assert_eq!(first_difference(panics_on_later_inputs).case.history.inputs.len(), 2);
    let (agree, report, files) = sweep(panics_on_later_inputs, 2);
    assert!(!agree && files.is_empty());
    assert!(report.contains("a sample has one"), "{report}");
}

/// The sample must pass with the engine that has no fault, given as `tests/golden.rs` gives it.
#[test]
fn a_sample_of_a_difference_is_one_that_the_real_binary_passes() {
    for engine in [forgets_locks, loses_rows] {
        let (_, report, files) = sweep(engine, 2);
        let name = files.keys().find_map(|name| name.strip_suffix(".expected.csv")).expect(&report);
        let file = |ending: &str| files.get(&format!("{name}{ending}"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (input, rejects) = (folder.path().join("input.csv"), folder.path().join("rejects.csv"));
        fs::write(&input, file(".csv").unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.arg("--quiet").arg("--rejects").arg(&rejects);
        command.args(file(".args").map_or("", String::as_str).lines()).arg(&input);
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).ok().as_ref(), file(".expected.csv"));
        if let Some(expected) = file(".rejects.csv") {
            assert_eq!(fs::read_to_string(&rejects).unwrap(), *expected);
        }
    }
}
